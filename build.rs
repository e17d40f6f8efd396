//! Compiles the C++ shim and leaves the rpath to libtorch in our binaries, so that they run without LD_LIBRARY_PATH.

use std::env;
use std::path::PathBuf;

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
    let parts = [
        "rimforge_shim",
        "accelerator",
        "operations",
        "optimiser",
        "activation",
        "convolution",
        "pixel_mix",
        "perceptual",
        "resample",
        "kernels_select",
    ];
    let unit: String = parts.iter().map(|part| format!("#include \"{part}.cpp\"\n")).collect();
    let path = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names a folder for outputs")).join("shim.cpp");
    std::fs::write(&path, unit).expect("cargo's folder for outputs can be written");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .file(&path)
        // libtorch's parallel_for is a header; without OpenMP it would run on one thread.
        .flag("-fopenmp")
        .include("shim")
        // Their headers, not ours to warn about.
        .flag("-isystem")
        .flag(torch.join("include").to_str().expect("libtorch's path is UTF-8"))
        .flag("-isystem")
        .flag(torch.join("include/torch/csrc/api/include").to_str().expect("libtorch's path is UTF-8"))
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        .define("GLOG_USE_GLOG_EXPORT", None)
        .compile("rimforge_shim");

    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.display());
    // The shim calls these directly; without --no-as-needed the linker may drop what only C++ objects use.
    println!("cargo:rustc-link-search=native={}", lib.display());
    println!("cargo:rustc-link-lib=torch_cpu");
    println!("cargo:rustc-link-lib=c10");
    println!("cargo:rustc-link-lib=dl");
    println!("cargo:rustc-link-lib=gomp");
    println!("cargo:rustc-env=RIMFORGE_LIBTORCH_LIB={}", lib.display());
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
