cimport cython

cdef extern from "Python.h":
    void PyObject_GC_UnTrack(object)


@cython.final
cdef class AttributeSet:
    cdef readonly bytes raw
    cdef readonly unsigned long long rank_high
    cdef readonly unsigned int rank_low
    cdef public unsigned int slot
    cdef readonly bint may_have_well_known
    cdef readonly object rejected
    cdef object _codec
    cdef object _attributes

@cython.locals(made=AttributeSet)
cpdef AttributeSet plain_set(bytes raw, unsigned long long rank_high, unsigned int rank_low, codec,
                             bint well_known)
