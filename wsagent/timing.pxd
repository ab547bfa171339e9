cimport cython


cdef double _NO_TIME


@cython.final
cdef class Wheel:
    cdef readonly object seconds
    cdef readonly object clock
    cdef Py_ssize_t _count
    cdef dict _slots
    cdef list _numbers
    cdef object _call
    cdef double _wakesAt
    cdef double _heldAt
    cdef object __weakref__

    cpdef double now(self) except? -1
    cpdef double hold(self) except? -1
    cpdef letGo(self)

    @cython.locals(slot=list)
    cdef add(self, Timer timer)

    @cython.locals(slot=list, last=Timer)
    cdef remove(self, Timer timer)

    @cython.locals(wait=double)
    cdef _wakeAt(self, double due)

    cdef list _dueBy(self, double now)

    @cython.locals(timer=Timer)
    cdef _turn(self, list due, double now)

    @cython.locals(timer=Timer, soonest=double)
    cdef double _soonest(self) except? -1


cdef class Timer:
    cdef Wheel wheel
    cdef readonly double due
    cdef list slot
    cdef Py_ssize_t place

    cpdef start(self, double due)
    cpdef stop(self)
    cpdef expired(self)


cdef class Deadline(Timer):
    cdef object _call

    cpdef expired(self)
