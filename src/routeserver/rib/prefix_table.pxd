# The C types of prefix_table.py; only the compiler reads them.
cimport cython
from routeserver.net.attribute_set cimport AttributeSet
from routeserver.rib.paths cimport Paths
from routeserver.rib.prefix_index cimport PrefixIndex

cdef Py_ssize_t LAST_HASH
cdef unsigned int LENGTH, QUEUED, FIRST_ROUTE, BEST_PATH, CHANGED_AT
cdef unsigned int VOID_STATE, STALE_STATE, LIVE_STATE
cdef int NO_ROUTE, NEW_ROUTE, LIVE_ROUTE, STALE_ROUTE

@cython.final
cdef class PrefixTable:
    cdef Paths paths
    cdef readonly PrefixIndex index
    cdef readonly unsigned int width, family, stride, best_paths
    cdef unsigned int queue_head, queue_tail
    cdef unsigned int scan_at
    cdef readonly unsigned int scan_left
    cdef unsigned int route_top, free_route
    cdef object _routes, _queue
    cdef unsigned int[::1] routes
    cdef unsigned int[::1] queue

    @cython.locals(view="unsigned int[::1]", records="unsigned int[::1]",
                   routes="unsigned int[::1]", queue="unsigned int[::1]",
                   hashes="unsigned int[::1]", paths=Paths, index=PrefixIndex,
                   peer=cython.uint, width=cython.uint, stride=cython.uint, has_slots=cython.bint,
                   top=cython.uint, new=cython.longlong, updated=cython.longlong,
                   withdrawn=cython.longlong, over=cython.longlong, at=Py_ssize_t, end=Py_ssize_t,
                   run=Py_ssize_t, number=Py_ssize_t, block_end=Py_ssize_t, ahead=Py_ssize_t, hashed=cython.uint,
                   a=cython.uint, b=cython.uint, c=cython.uint, d=cython.uint,
                   length=cython.uint, path=cython.uint, record=cython.uint, route=cython.uint,
                   base=cython.size_t, added=cython.uint, was=cython.int, attribute_set=AttributeSet)
    cpdef tuple apply(self, words, list sets, list ends, unsigned int generation, long long room)
    @cython.locals(paths=Paths, route=cython.uint, old=cython.uint)
    cdef int _announce(self, unsigned int record, unsigned int path, unsigned int peer,
                       bint has_room) except -1
    @cython.locals(route=cython.uint, first=cython.size_t)
    cdef void _add(self, unsigned int record, unsigned int path) noexcept
    @cython.locals(paths=Paths, state=cython.uint)
    cdef int _replace(self, unsigned int record, unsigned int route, unsigned int old,
                      unsigned int path, bint has_room) except -1
    @cython.locals(paths=Paths, first=cython.size_t, route=cython.uint, before=cython.uint,
                   path=cython.uint, state=cython.uint)
    cdef int _withdraw(self, unsigned int record, unsigned int peer) except -1
    @cython.locals(following=cython.uint)
    cdef void _unlink(self, size_t first, unsigned int before, unsigned int route) noexcept
    @cython.locals(paths=Paths)
    cdef void _use(self, unsigned int path) noexcept
    @cython.locals(paths=Paths)
    cdef void _unuse(self, unsigned int path) except *
    @cython.locals(uses=cython.uint)
    cdef void _release(self, unsigned int path) except *
    @cython.locals(at=cython.size_t)
    cdef void _enqueue(self, unsigned int record) noexcept
    cpdef long long pending(self) noexcept
    @cython.locals(width=cython.uint, stride=cython.uint, records="unsigned int[::1]",
                   routes="unsigned int[::1]", queue="unsigned int[::1]", paths=Paths,
                   count=cython.uint, view="unsigned int[::1]", filled=cython.size_t,
                   lost=cython.uint, record=cython.uint, base=cython.size_t, route=cython.uint,
                   best=cython.uint, current=cython.uint, known=cython.uint, usable=cython.bint)
    cpdef tuple decide(self, unsigned int budget, unsigned int now, bint admits,
                       list newcomers, list gone)
    @cython.locals(paths=Paths, best=cython.uint, path=cython.uint)
    cdef unsigned int _best(self, unsigned int route, unsigned int without) noexcept
    @cython.locals(base=cython.size_t, current=cython.uint)
    cdef void _settle(self, unsigned int record, unsigned int best, unsigned int now) except *
    @cython.locals(base=cython.size_t, best=cython.uint)
    cpdef bint admit(self, unsigned int record, unsigned int now)
    @cython.locals(count=cython.uint, paths=Paths, first=cython.size_t, before=cython.uint,
                   route=cython.uint, touched=cython.bint, following=cython.uint, path=cython.uint,
                   generation=cython.uint)
    cpdef scan(self, unsigned int budget)
    cpdef unsigned int best_of(self, unsigned int record) noexcept
    cpdef unsigned int changed_of(self, unsigned int record) noexcept
    @cython.locals(paths=Paths, route=cython.uint, path=cython.uint)
    cpdef list routes_of(self, unsigned int record)
    @cython.locals(width=cython.uint, stride=cython.uint, view="unsigned int[::1]", at=Py_ssize_t,
                   record=cython.uint, base=cython.size_t, i=cython.uint)
    cpdef best_words(self)
    cdef void _reserve(self, size_t count) except *
    @cython.locals(waiting=cython.size_t, i=cython.size_t)
    cdef void _reserve_queue(self, size_t count) except *
