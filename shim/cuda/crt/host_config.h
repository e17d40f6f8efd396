// NVIDIA's runtime headers ask for this part of its compiler, which the runtime's package does not bring along. For a
// C++ compiler that sees no device code there is nothing to configure.
#pragma once
