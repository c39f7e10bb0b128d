cimport cython

@cython.final
@cython.no_gc
cdef class AttributeSet:
    cdef readonly bytes raw
    cdef readonly unsigned long long rank_high
    cdef readonly unsigned int rank_low
    cdef public unsigned int slot
    cdef readonly object rejected
    cdef object _codec
    cdef object _attributes
