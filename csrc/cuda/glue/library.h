// NVIDIA's libraries are found when they are first asked for, so that one build serves machines with and
// without them. Every function of this folder takes raw pointers and a stream, and returns null or what went
// wrong.
#pragma once

#include <dlfcn.h>

#include <initializer_list>
#include <stdexcept>
#include <string>

namespace gpukeras::cuda {

class Library {
  public:
    // Names or paths, the best first.
    explicit Library(std::initializer_list<const char*> names) {
        for (const char* name : names) {
            handle_ = dlopen(name, RTLD_NOW | RTLD_LOCAL);
            if (handle_ != nullptr) return;
            tried_ += std::string(tried_.empty() ? "" : "; ") + dlerror();
        }
    }

    void* handle() const {
        if (handle_ == nullptr) throw std::runtime_error("library not found: " + tried_);
        return handle_;
    }

    // A function of the library, whose type is that of its declaration in the header.
    template <typename F>
    F* function(const char* name) const {
        void* found = dlsym(handle(), name);
        if (found == nullptr) throw std::runtime_error(std::string("no function ") + name);
        return reinterpret_cast<F*>(found);
    }

  private:
    void* handle_ = nullptr;
    std::string tried_;
};

#define GPUKERAS_FUNCTION(LIBRARY, NAME) (LIBRARY).function<decltype(NAME)>(#NAME)

// Runs `body` and turns an exception into a message that stays until the thread's next call.
template <typename Body>
const char* guarded(Body body) {
    static thread_local std::string message;
    try {
        body();
        return nullptr;
    } catch (const std::exception& error) {
        message = error.what();
        return message.c_str();
    }
}

}  // namespace gpukeras::cuda
