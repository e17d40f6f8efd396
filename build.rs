//! Compiles the C++ shim and leaves the rpath to libtorch in our binaries, so that they run without LD_LIBRARY_PATH.

use std::env;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=shim");
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    // torch-sys (`links = "tch"`) tells where it found libtorch; only direct dependants hear it.
    let Some(lib) = env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else {
        panic!("torch-sys did not say where libtorch is; run `make setup` first");
    };
    let torch = lib.parent().expect("libtorch's lib folder has a parent");

    // The inner loops, once for each instruction set; `kernels_select.cpp` picks one of them at run time.
    kernels("plain", &[]);
    if env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("x86_64") {
        kernels("avx2", &["-mavx2", "-mfma"]);
        kernels(
            "avx512",
            &["-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mfma", "-mprefer-vector-width=512"],
        );
    }
    // One unit: libtorch's headers take longer to read than our code.
    let unit: String = shim_files().iter().map(|name| format!("#include \"{name}\"\n")).collect();
    let path = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names a folder for outputs")).join("shim.cpp");
    std::fs::write(&path, unit).expect("cargo's folder for outputs can be written");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .file(&path)
        // libtorch's parallel_for is a header; without OpenMP it would run on one thread.
        .flag("-fopenmp")
        .include("shim")
        .include("shim/cuda")
        .include("shim/distributed")
        // Their headers, not ours to warn about.
        .flag("-isystem")
        .flag(torch.join("include").to_str().expect("libtorch's path is UTF-8"))
        .flag("-isystem")
        .flag(torch.join("include/torch/csrc/api/include").to_str().expect("libtorch's path is UTF-8"))
        .flag("-isystem")
        .flag(cuda_headers(torch).to_str().expect("libtorch's path is UTF-8"))
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        .define("GLOG_USE_GLOG_EXPORT", None)
        .compile("rimforge_shim");

    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.display());
    // What the shim calls itself. libtorch_cuda.so is not among them: the program opens it where it is.
    println!("cargo:rustc-link-search=native={}", lib.display());
    println!("cargo:rustc-link-lib=torch_cpu");
    println!("cargo:rustc-link-lib=c10");
    println!("cargo:rustc-link-lib=dl");
    println!("cargo:rustc-link-lib=gomp");
    println!("cargo:rustc-env=RIMFORGE_LIBTORCH_LIB={}", lib.display());
}

/// The C++ files of `shim/` that make up the one unit, in alphabetical order; `kernels.cpp` is compiled by itself.
fn shim_files() -> Vec<String> {
    let folder = std::fs::read_dir("shim").expect("the folder shim can be read");
    let mut names: Vec<String> = folder
        .map(|entry| entry.expect("the folder shim can be read").file_name())
        .map(|name| name.into_string().expect("names in shim are UTF-8"))
        .filter(|name| name.ends_with(".cpp") && name != "kernels.cpp")
        .collect();
    names.sort();
    names
}

/// The CUDA runtime's headers, which both builds of libtorch bring along in a folder beside their own: they declare
/// what a captured graph is made of. Nothing of CUDA is linked.
fn cuda_headers(torch: &Path) -> PathBuf {
    let packages = torch.parent().expect("libtorch lies in a folder").join("nvidia");
    let mut found: Vec<PathBuf> = std::fs::read_dir(&packages)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("include")))
        .filter(|include| include.join("cuda_runtime_api.h").exists())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| panic!("no cuda_runtime_api.h below {}; run `make setup` first", packages.display()))
}

/// Compiles the inner loops for one instruction set; `kernels_select.cpp` picks when the program runs.
fn kernels(name: &str, flags: &[&str]) {
    let mut build = cc::Build::new();
    build.cpp(true).std("c++17").opt_level(3).file("shim/kernels.cpp").define("RIMFORGE_ISA", name);
    // Vectors wider than the machine's never cross a function that is not inlined.
    build.flag("-Wno-psabi");
    // Roots in vectors: nobody reads errno.
    build.flag("-fno-math-errno");
    flags.iter().for_each(|flag| {
        build.flag(flag);
    });
    build.compile(&format!("rimforge_kernels_{name}"));
}
