

cdef enum:
    IN = 1
    OUT = 4
    GONE = 24


cdef class Batch:
    cdef void *_area
    cdef int _count

    cpdef int take(self, epoll, int most) except -1
    cpdef int descriptor(self, int index) except -1
    cpdef int events(self, int index) except -1


cpdef bytes receive(int descriptor)
cpdef Py_ssize_t send(int descriptor, data) except -1
cpdef Py_ssize_t sendBoth(int descriptor, bytes header, payload) except -1
