// NVIDIA's libraries are found at run time, so that one build serves machines with and without them. Every
// source of this folder is compiled to a library of its own, which calls one of NVIDIA's; Python says where
// that one lies. Functions take raw pointers and a stream, and return null or what went wrong.
#pragma once

#include <dlfcn.h>

#include <cstring>
#include <stdexcept>
#include <string>

namespace gpukeras::cuda {

class Library {
  public:
    // A path or a bare name. A library of that name which the process has already, CuPy's for example, is
    // the one to use: two copies would not know of each other.
    void open(const char* path) {
        const char* slash = std::strrchr(path, '/');
        handle_ = dlopen(slash == nullptr ? path : slash + 1, RTLD_NOW | RTLD_NOLOAD);
        if (handle_ == nullptr) handle_ = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (handle_ == nullptr) throw std::runtime_error(std::string("library not found: ") + dlerror());
    }

    void* handle() const {
        if (handle_ == nullptr) throw std::runtime_error("the library has not been opened");
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
};

inline Library& library() {
    static Library one;
    return one;
}

// Looked up once: a run makes several such calls.
#define GPUKERAS_FUNCTION(NAME)                                                                         \
    ([]() -> decltype(NAME)* {                                                                          \
        static decltype(NAME)* const found = gpukeras::cuda::library().function<decltype(NAME)>(#NAME); \
        return found;                                                                                   \
    }())

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

// Where the library lies; the first call of every part.
extern "C" const char* gpukeras_open(const char* path) {
    return gpukeras::cuda::guarded([&] { gpukeras::cuda::library().open(path); });
}
