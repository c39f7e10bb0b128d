# The C types of set_index.py; only the compiler reads them.
cimport cython
from routeserver.net.attribute_set cimport AttributeSet

cdef unsigned long long WORD
cdef unsigned int FEWEST_BITS

cdef extern from *:
    """
    #ifdef __GNUC__
    #define prefetch_slot(view, at) __builtin_prefetch((view).data + (at) * sizeof(unsigned long long), 1)
    #else
    #define prefetch_slot(view, at) ((void) (at))
    #endif
    """
    void prefetch_slot(unsigned long long[::1] view, size_t at) noexcept

@cython.final
cdef class SetIndex:
    cdef bint is_compiled, has_slots
    cdef dict by_octets
    cdef list sets
    cdef object freed
    cdef unsigned int count, filled, gap, shift, mask
    cdef unsigned long long[::1] slots

    cpdef void clear(self) except *
    cpdef AttributeSet find(self, bytes raw)
    @cython.locals(number=cython.uint, slot=cython.ulonglong)
    cpdef void add(self, AttributeSet made) except *
    @cython.locals(at=cython.uint, number=cython.uint)
    cpdef bint remove(self, bytes raw) except -1
    cdef void prepare(self, bytes raw) except *
    cdef unsigned int _hash_of(self, bytes raw) except 0
    @cython.locals(hashed=cython.uint, at=cython.uint, slot=cython.ulonglong, found=AttributeSet)
    cdef unsigned int _seek(self, bytes raw) except? 0xFFFFFFFF
    @cython.locals(old="unsigned long long[::1]", bits=cython.uint, places=cython.ulonglong,
                   i=Py_ssize_t, slot=cython.ulonglong, at=cython.uint)
    cdef void _rebuild(self) except *
    cdef void _lay_out(self, unsigned int bits) except *
