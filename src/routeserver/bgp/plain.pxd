# The C types of plain.py; only the compiler reads them.
cimport cython
from routeserver.bgp.plain_list cimport PlainList
from routeserver.net.attribute_set cimport AttributeSet, plain_set

cdef bytes MARKER, MP_REACH_16, MP_REACH_32
cdef unsigned int UPDATE, SMALLEST, EXTENDED, FIRST_MULTICAST, MP_REACH, MP_UNREACH

@cython.final
cdef class RouteReader:
    cdef object _table
    cdef dict plain, plain_mp
    cdef PlainList judge
    cdef bint ipv4, ipv6, is_ipv6, is_compiled, has_any_well_known
    cdef public unsigned int max_octets
    cdef list batches, sets, ends, found
    cdef Py_ssize_t used, count, added_lists, added_octets
    cdef bytes reach, reach_alone
    cdef const unsigned char* octets
    cdef object _words
    cdef unsigned int[::1] words

    @cython.locals(octets="const unsigned char*", size=Py_ssize_t, length=cython.uint,
                   closed=Py_ssize_t, runs=Py_ssize_t, count=Py_ssize_t)
    cpdef Py_ssize_t read(self, bytes data, Py_ssize_t position) except -1
    cpdef list take(self)

    @cython.locals(withdrawn=Py_ssize_t, middle=Py_ssize_t, first=Py_ssize_t, nlri=Py_ssize_t,
                   raw=bytes, attribute_set=AttributeSet)
    cdef bint _take_update(self, bytes data, Py_ssize_t start,
                           Py_ssize_t end) except -1
    cdef bint _withdraw4(self, Py_ssize_t start, Py_ssize_t end) except -1
    @cython.locals(at=Py_ssize_t, flags=cython.uint, value=Py_ssize_t, length=Py_ssize_t,
                   stop=Py_ssize_t, code=cython.uint)
    cdef bint _take_mp(self, bytes data, Py_ssize_t first,
                       Py_ssize_t end) except -1
    @cython.locals(hops=Py_ssize_t, nlri=Py_ssize_t, raw=bytes,
                   attribute_set=AttributeSet)
    cdef bint _take_reach(self, bytes data, Py_ssize_t first,
                          Py_ssize_t at, Py_ssize_t value, Py_ssize_t stop, Py_ssize_t end) except -1
    @cython.locals(made=AttributeSet, judge=PlainList)
    cdef AttributeSet _make(self, bytes raw, bint mp)
    @cython.locals(octets="const unsigned char*", words="unsigned int[::1]", used=Py_ssize_t,
                   length=cython.uint, size=Py_ssize_t, address=cython.uint)
    cdef bint _take_ipv4(self, Py_ssize_t at, Py_ssize_t end) except -1
    @cython.locals(octets="const unsigned char*", words="unsigned int[::1]", used=Py_ssize_t,
                   length=cython.int, size=Py_ssize_t, upper=cython.ulonglong, i=Py_ssize_t)
    cdef bint _take_ipv6(self, Py_ssize_t at, Py_ssize_t end) except -1
    @cython.locals(size=Py_ssize_t, number=cython.int, left=Py_ssize_t, word=cython.uint,
                   base=Py_ssize_t, spare=cython.int)
    cdef void _take_address(self, Py_ssize_t at, int length, Py_ssize_t used) noexcept
    cdef void _turn_to(self, bint is_ipv6) except *
    @cython.locals(runs=Py_ssize_t)
    cdef void _end_run(self, AttributeSet attribute_set) except *
    cdef bint _find(self, Py_ssize_t at, Py_ssize_t end) except -1
    cdef void _spell_out(self) except *
    @cython.locals(width=Py_ssize_t)
    cdef void _undo(self, Py_ssize_t closed, Py_ssize_t runs, Py_ssize_t count) except *
    cdef void _flush(self) except *
    cdef void _reserve(self, Py_ssize_t count) except *
