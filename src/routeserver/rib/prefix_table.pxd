# The C types of prefix_table.py; only the compiler reads them.
cimport cython
from routeserver.net.attribute_set cimport AttributeSet
from routeserver.rib.paths cimport Paths

cdef unsigned int LENGTH, QUEUED, UNUSED
cdef unsigned int VOID_STATE, STALE_STATE, LIVE_STATE
cdef int NO_ROUTE, NEW_ROUTE, LIVE_ROUTE, STALE_ROUTE
cdef unsigned long long MASK
cdef Py_ssize_t WARMED

@cython.final
cdef class PrefixTable:
    cdef Paths paths
    cdef readonly unsigned int width, family, stride
    cdef unsigned long long multiplier
    cdef readonly unsigned int prefixes, best_paths
    cdef unsigned int queue_head, queue_tail
    cdef unsigned int scan_at
    cdef readonly unsigned int scan_left, top
    cdef unsigned int route_top, free_record, free_route
    cdef bint has_buckets
    cdef dict index
    cdef unsigned int half, bucket_count
    cdef unsigned int bucket, warmth
    cdef unsigned int[::1] heads
    cdef object _records, _routes, _queue, _buckets
    cdef unsigned int[::1] records
    cdef unsigned int[::1] routes
    cdef unsigned int[::1] queue
    cdef unsigned int[::1] buckets

    @cython.locals(network=cython.ulonglong, key=cython.ulonglong)
    cdef unsigned int hash_of(self, unsigned int a, unsigned int b, unsigned int c, unsigned int d,
                              unsigned int length) noexcept
    @cython.locals(bucket=cython.uint)
    cdef unsigned int bucket_of(self, unsigned int hashed) noexcept
    @cython.locals(record=cython.uint, base=cython.size_t, width=cython.uint, stride=cython.uint)
    cpdef unsigned int find(self, unsigned int a, unsigned int b, unsigned int c, unsigned int d,
                            unsigned int length) noexcept
    @cython.locals(record=cython.uint, base=cython.size_t, width=cython.uint, bucket=cython.uint)
    cdef unsigned int _insert(self, unsigned int a, unsigned int b, unsigned int c, unsigned int d,
                              unsigned int length) noexcept
    @cython.locals(base=cython.size_t, a=cython.uint, b=cython.uint, c=cython.uint, d=cython.uint)
    cdef unsigned int _hash_of_record(self, unsigned int record) noexcept
    cdef void _link(self, unsigned int record) noexcept
    @cython.locals(link=cython.uint, following=cython.uint, bucket=cython.uint, before=cython.uint)
    cdef void _unlink_record(self, unsigned int record) noexcept
    @cython.locals(link=cython.uint, low=cython.uint, high=cython.uint, mask=cython.uint,
                   record=cython.uint, stay=cython.uint, move=cython.uint, base=cython.size_t,
                   following=cython.uint)
    cdef void _split(self) noexcept
    @cython.locals(link=cython.uint, base=cython.size_t)
    cdef void _remove(self, unsigned int record) except *
    @cython.locals(view="unsigned int[::1]", records="unsigned int[::1]",
                   routes="unsigned int[::1]", queue="unsigned int[::1]", paths=Paths, index=dict,
                   peer=cython.uint, width=cython.uint, stride=cython.uint, has_buckets=cython.bint,
                   new=cython.longlong, updated=cython.longlong, withdrawn=cython.longlong,
                   over=cython.longlong, at=Py_ssize_t, end=Py_ssize_t, run=Py_ssize_t,
                   warm=Py_ssize_t, a=cython.uint, b=cython.uint, c=cython.uint, d=cython.uint,
                   length=cython.uint, path=cython.uint, record=cython.uint, route=cython.uint,
                   base=cython.size_t, added=cython.uint, was=cython.int, attribute_set=AttributeSet)
    cpdef tuple apply(self, words, list sets, list ends, unsigned int generation, long long room)
    @cython.locals(width=cython.uint, stop=Py_ssize_t, b=cython.uint, c=cython.uint, d=cython.uint,
                   touched=cython.uint, low=cython.uint, i=Py_ssize_t, hashed=cython.uint,
                   record=cython.uint)
    cdef Py_ssize_t _warm(self, unsigned int[::1] words, Py_ssize_t at, Py_ssize_t end) noexcept
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
                   best=cython.uint, current=cython.uint)
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
    @cython.locals(base=cython.size_t, i=cython.uint, number=object)
    cpdef prefix_of(self, unsigned int record)
    @cython.locals(width=cython.uint, stride=cython.uint, view="unsigned int[::1]", at=Py_ssize_t,
                   record=cython.uint, base=cython.size_t, i=cython.uint)
    cpdef best_words(self)
    @cython.locals(record=cython.uint, lowest=list, floor=cython.ulonglong,
                   ceiling=cython.ulonglong, base=cython.size_t, upper=cython.ulonglong)
    cpdef list next_prefixes(self, last, Py_ssize_t count)
    cdef unsigned long long _upper(self, prefix) except? 0
    cdef _reserve(self, size_t count)
