# The C types of prefix_index.py; only the compiler reads them.
cimport cython

cdef unsigned int LENGTH, UNUSED, CHANGED_AT
cdef unsigned long long MASK, WORD
cdef Py_ssize_t PREPARED, LAST_HASH, MOVES_A_PREFIX, FEWEST_MOVES, FEWEST_SAMPLED
cdef Py_ssize_t PAGE_OF_SLOTS, WARMED_A_PREFIX
cdef unsigned int SAMPLE

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
cdef class PrefixIndex:
    cdef readonly unsigned int width, stride, prefixes, top
    cdef unsigned long long multiplier
    cdef unsigned int free_record, bits, shift, mask, gap
    cdef unsigned int old_shift, old_mask, old_start
    cdef unsigned long long moved
    cdef readonly bint has_slots
    cdef bint is_moving, is_compiled
    cdef dict by_key
    cdef object _records, _slots, _old_slots, _next_slots
    cdef unsigned int[::1] hashes
    cdef unsigned int[::1] records
    cdef unsigned long long[::1] slots
    cdef unsigned long long[::1] old_slots
    cdef unsigned long long[::1] next_slots
    cdef unsigned long long warmed

    @cython.locals(key=cython.ulonglong, low=cython.ulonglong)
    cdef unsigned int hash_of(self, unsigned int a, unsigned int b, unsigned int c, unsigned int d,
                              unsigned int length) noexcept
    cpdef unsigned int find(self, unsigned int a, unsigned int b, unsigned int c, unsigned int d,
                            unsigned int length) noexcept
    @cython.locals(at=cython.uint, slot=cython.ulonglong, record=cython.uint)
    cdef unsigned int seek(self, unsigned int hashed, unsigned int a, unsigned int b,
                           unsigned int c, unsigned int d, unsigned int length) noexcept
    @cython.locals(at=cython.uint, slot=cython.ulonglong, record=cython.uint)
    cdef unsigned int _seek_old(self, unsigned int hashed, unsigned int a, unsigned int b,
                                unsigned int c, unsigned int d, unsigned int length) noexcept
    @cython.locals(base=cython.size_t)
    cdef bint is_record_of(self, unsigned int record, unsigned int a, unsigned int b,
                           unsigned int c, unsigned int d, unsigned int length) noexcept
    @cython.locals(width=cython.uint, stop=Py_ssize_t, b=cython.uint, c=cython.uint, d=cython.uint,
                   number=Py_ssize_t, i=Py_ssize_t, hashed=cython.uint)
    cdef Py_ssize_t prepare(self, unsigned int[::1] words, Py_ssize_t at, Py_ssize_t end) noexcept
    @cython.locals(width=cython.uint, record=cython.uint, base=cython.size_t,
                   slot=cython.ulonglong)
    cdef unsigned int insert(self, unsigned int hashed, unsigned int a, unsigned int b,
                             unsigned int c, unsigned int d, unsigned int length) except 0
    @cython.locals(width=cython.uint, base=cython.size_t, a=cython.uint, b=cython.uint,
                   c=cython.uint, d=cython.uint, length=cython.uint)
    cdef void remove(self, unsigned int record) except *
    @cython.locals(wanted=cython.ulonglong, at=cython.uint)
    cdef void _vacate(self, unsigned int hashed, unsigned int record) noexcept
    cdef void reserve(self, size_t count) except *
    @cython.locals(places=cython.ulonglong, stop=cython.ulonglong)
    cdef void _warm(self, unsigned long long count) except *
    @cython.locals(start=cython.uint, bits=cython.uint, places=cython.ulonglong)
    cdef void _grow(self, unsigned long long count) except *
    @cython.locals(at=cython.uint, slot=cython.ulonglong, to=cython.uint)
    cdef void _move(self, long long count) except *
    @cython.locals(base=cython.size_t, i=cython.uint, number=object)
    cpdef prefix_of(self, unsigned int record)
    cpdef list next_prefixes(self, last, Py_ssize_t count)
    @cython.locals(record=cython.uint, step=cython.uint, sample=list, floor=cython.ulonglong,
                   base=cython.size_t, upper=cython.ulonglong, place=Py_ssize_t)
    cdef unsigned long long _ceiling(self, last, Py_ssize_t count) except? 0
    @cython.locals(record=cython.uint, lowest=list, floor=cython.ulonglong, base=cython.size_t,
                   upper=cython.ulonglong)
    cdef list _lowest(self, last, Py_ssize_t count, unsigned long long ceiling)
    cdef unsigned long long _upper(self, prefix) except? 0

@cython.locals(at=cython.uint, slot=cython.ulonglong, home=cython.uint)
cdef void _close_gap(unsigned long long[::1] slots, unsigned int gap, unsigned int mask,
                     unsigned int shift) noexcept
