# The C types of plain_list.py; only the compiler reads them.
cimport cython

cdef unsigned int EXTENDED, ORIGIN, AS_PATH, NEXT_HOP, MED, AGGREGATOR, COMMUNITIES, MP_REACH
cdef unsigned int LAST_CODE
cdef bint IS_COMPILED
cdef bytes WELL_KNOWN
cdef unsigned long long PREFERENCE_BITS, ONE

@cython.final
cdef class PlainList:
    cdef object _next_hops
    cdef unsigned int local_asn, peer_asn
    cdef unsigned char[::1] masks, kinds, lengths, units
    cdef readonly bint has_well_known
    cdef readonly unsigned long long rank_high
    cdef readonly unsigned int rank_low
    cdef unsigned int origin, hops, accepted_hop
    cdef bytes accepted_octets
    cdef const unsigned char* octets

    @cython.locals(end=Py_ssize_t, at=Py_ssize_t, seen=cython.ulonglong, required=cython.ulonglong,
                   flags=cython.uint, code=cython.uint, value=Py_ssize_t, length=Py_ssize_t,
                   stop=Py_ssize_t, unit=Py_ssize_t)
    cpdef bint is_plain(self, bytes raw, bint mp) except -1
    @cython.locals(hop=cython.uint, octets=bytes)
    cdef bint _is_usual(self, bytes raw, unsigned int code, Py_ssize_t value,
                        Py_ssize_t stop) except -1
    @cython.locals(word=cython.uint)
    cdef unsigned int _word(self, Py_ssize_t at) noexcept
    @cython.locals(hops=cython.uint, stop=Py_ssize_t, asn=cython.uint)
    cdef unsigned int _path_length(self, Py_ssize_t at, Py_ssize_t end) noexcept
