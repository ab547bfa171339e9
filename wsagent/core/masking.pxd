cpdef bytes applyMask(bytes payload, bytes key)
cpdef bytes unmaskedSlice(bytes data, Py_ssize_t start, Py_ssize_t stop)
cpdef bytes newKey()
