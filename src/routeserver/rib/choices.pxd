# The C types of choices.py; only the compiler reads them.
cimport cython
from routeserver.rib.prefix_index cimport PrefixIndex
from routeserver.rib.prefix_table cimport PrefixTable

@cython.locals(width=cython.uint, index=PrefixIndex, view="unsigned int[::1]", source="unsigned int[::1]",
               found=list, known=dict, b=cython.uint, c=cython.uint, d=cython.uint,
               last_best=cython.uint, last_number=cython.uint, place=Py_ssize_t, at=Py_ssize_t,
               record=cython.uint, best=cython.uint, routes=list, several=tuple,
               number=cython.uint)
cpdef tuple choices(PrefixTable table, words, Py_ssize_t start, Py_ssize_t end, bint whole)
