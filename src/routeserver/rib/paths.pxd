# The C types of paths.py; only the compiler reads them.
cimport cython
from routeserver.net.attribute_set cimport AttributeSet

cdef unsigned long long UNUSABLE
cdef unsigned int FAMILIES

@cython.final
cdef class Paths:
    cdef readonly list sets
    cdef list freed
    cdef readonly unsigned int size
    cdef object _high, _low, _generation, _uses, _peer, _order, _penalty, _state, _routes, _octets, _members
    cdef unsigned long long[::1] high
    cdef unsigned int[::1] low
    cdef unsigned int[::1] generation
    cdef unsigned int[::1] uses
    cdef unsigned int[::1] peer
    cdef unsigned int[::1] order
    cdef unsigned char[::1] penalty
    cdef unsigned char[::1] state
    cdef unsigned int[::1] routes
    cdef unsigned int[::1] members
    cdef unsigned long long[::1] octets

    @cython.locals(path=cython.uint)
    cpdef unsigned int path_of(self, AttributeSet attribute_set, unsigned int generation) except? 0
    @cython.locals(attribute_set=AttributeSet)
    cpdef void drop(self, unsigned int path) except *
    cpdef bint is_usable(self, unsigned int path, unsigned int family) noexcept
    @cython.locals(first=cython.uint, second=cython.uint)
    cpdef bint is_better(self, unsigned int one, unsigned int other) noexcept
    @cython.locals(family=cython.uint)
    cpdef void add_generation(self, unsigned int number, unsigned int peer) except *
    cpdef void set_state(self, unsigned int number, unsigned int family, unsigned char state) noexcept
    cpdef void set_order(self, unsigned int number, unsigned int order) noexcept
    cpdef void set_penalty(self, unsigned int number, unsigned char penalty) noexcept
    cpdef void set_unusable(self, unsigned int path) noexcept
    cpdef unsigned int generation_of(self, unsigned int path) noexcept
    cpdef unsigned int peer_of(self, unsigned int path) noexcept
    cpdef unsigned char state_of_generation(self, unsigned int number, unsigned int family) noexcept
    @cython.locals(at=cython.uint)
    cpdef bint is_stale(self, unsigned int path) noexcept
    cpdef bint is_demoted(self, unsigned int path) noexcept
    cpdef bint is_unusable(self, unsigned int path) noexcept
    cpdef bint is_empty(self, unsigned int number) noexcept
    cpdef unsigned long long octets_of(self, unsigned int number) noexcept
    cpdef unsigned int count(self, unsigned int number, unsigned int family) noexcept
    @cython.locals(path=cython.uint, found=cython.ulonglong)
    cpdef rejected(self, unsigned int number)
    @cython.locals(path=cython.uint)
    cpdef list paths_of(self, unsigned int number)
