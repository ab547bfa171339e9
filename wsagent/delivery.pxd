cdef class Delivery:
    cdef object _agent
    cdef object _inbox
    cdef object _owner

    cpdef textReceived(self, str text)
    cpdef bytesReceived(self, bytes data)
    cdef _hand(self, hook, message)
    cdef _follow(self, result)
