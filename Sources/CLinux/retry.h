// Repeats a call that a signal interrupted; its value is the call's result or the negated errno.
#pragma once
#define RETRY(call) \
    ({ \
        __typeof__(call) result_; \
        do result_ = (call); \
        while (result_ < 0 && errno == EINTR); \
        result_ < 0 ? -errno : result_; \
    })
