// NVIDIA's runtime headers ask for this part of its compiler, which the runtime's package does not bring along: what
// its annotations mean to a C++ compiler that sees no device code.
#pragma once

#define CUDARTAPI
#define CUDARTAPI_CDECL
#define __align__(n) __attribute__((aligned(n)))
#define __builtin_align__(n) __align__(n)
#define __cudart_builtin__
#define __device__
#define __device_builtin__
#define __device_builtin_surface_type__
#define __device_builtin_texture_type__
#define __host__
