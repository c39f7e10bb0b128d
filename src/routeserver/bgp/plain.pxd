# The C types of plain.py; only the compiler reads them.
cimport cython
from routeserver.net.attribute_set cimport AttributeSet, plain_set

cdef bytes MARKER, MP_REACH_16, MP_REACH_32
cdef unsigned int UPDATE, SMALLEST, EXTENDED, FIRST_MULTICAST
cdef unsigned int ORIGIN, AS_PATH, NEXT_HOP, MED, AGGREGATOR, COMMUNITIES, MP_REACH, MP_UNREACH, LAST_CODE
cdef unsigned long long PREFERENCE_BITS, ONE

@cython.final
cdef class RouteReader:
    cdef object _table
    cdef dict plain, plain_mp
    cdef unsigned int local_asn, peer_asn
    cdef bint ipv4, ipv6, is_ipv6, has_well_known, has_any_well_known
    cdef public unsigned int max_octets
    cdef list batches, sets, ends
    cdef Py_ssize_t used, count
    cdef unsigned long long rank_high
    cdef bytes accepted_octets, reach, reach_alone
    cdef unsigned int rank_low, origin, hops, accepted_hop
    cdef const unsigned char[::1] octets
    cdef const unsigned char[::1] judged
    cdef unsigned char[::1] masks, kinds, lengths, units
    cdef object _words
    cdef unsigned int[::1] words

    @cython.locals(octets="const unsigned char[::1]", size=Py_ssize_t, length=cython.uint,
                   closed=Py_ssize_t, runs=Py_ssize_t, count=Py_ssize_t, used=Py_ssize_t)
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
    @cython.locals(made=AttributeSet)
    cdef AttributeSet _judge(self, bytes raw, Py_ssize_t start, bint mp)
    @cython.locals(end=Py_ssize_t, at=Py_ssize_t, seen=cython.ulonglong, required=cython.ulonglong,
                   flags=cython.uint, code=cython.uint, value=Py_ssize_t, length=Py_ssize_t,
                   stop=Py_ssize_t, unit=Py_ssize_t)
    cdef bint _is_plain(self, bytes raw, Py_ssize_t start, bint mp) except -1
    @cython.locals(hop=cython.uint, octets=bytes)
    cdef bint _is_usual(self, bytes raw, Py_ssize_t start, unsigned int code,
                        Py_ssize_t value, Py_ssize_t stop) except -1
    @cython.locals(word=cython.uint)
    cdef unsigned int _word(self, Py_ssize_t at) noexcept
    @cython.locals(hops=cython.uint, stop=Py_ssize_t, asn=cython.uint)
    cdef unsigned int _path_length(self, Py_ssize_t at,
                                   Py_ssize_t end) noexcept
    @cython.locals(octets="const unsigned char[::1]", words="unsigned int[::1]", used=Py_ssize_t,
                   length=cython.uint, size=Py_ssize_t, address=cython.uint)
    cdef bint _take_ipv4(self, Py_ssize_t at, Py_ssize_t end) except -1
    @cython.locals(octets="const unsigned char[::1]", words="unsigned int[::1]", used=Py_ssize_t,
                   length=cython.int, size=Py_ssize_t, word=object)
    cdef bint _take_ipv6(self, Py_ssize_t at, Py_ssize_t end) except -1
    @cython.locals(size=Py_ssize_t, number=cython.int, left=Py_ssize_t, word=cython.uint,
                   base=Py_ssize_t, spare=cython.int)
    cdef void _take_address(self, Py_ssize_t at, int length, Py_ssize_t used) noexcept
    cdef void _turn_to(self, bint is_ipv6) except *
    @cython.locals(runs=Py_ssize_t)
    cdef void _end_run(self, AttributeSet attribute_set) except *
    cdef void _undo(self, Py_ssize_t closed, Py_ssize_t runs, Py_ssize_t count, Py_ssize_t used) except *
    cdef void _flush(self) except *
    cdef void _reserve(self, Py_ssize_t count) except *
