//! Compiles the C++ shim and leaves in our binaries where libtorch lies, so that they run without LD_LIBRARY_PATH.

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
    let mut shim = cc::Build::new();
    // libtorch's parallel_for is a header; without OpenMP it would run on one thread. Apple's compiler takes it
    // unasked for only by way of its preprocessor; header and library are libtorch's own there.
    let openmp: &[&str] = if on_macos() { &["-Xpreprocessor", "-fopenmp"] } else { &["-fopenmp"] };
    openmp.iter().for_each(|flag| {
        shim.flag(flag);
    });
    shim.cpp(true)
        .std("c++17")
        .file(&path)
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

    find_at_run_time(&lib);
    if on_linux() {
        // Where the C library's own would be called: `shim/hypot.cpp` says why not.
        for name in ["hypot", "hypotf"] {
            println!("cargo:rustc-link-arg=-Wl,--wrap={name}");
        }
    }
    // What the shim calls itself. libtorch_cuda.so is not among them: the program opens it where it is.
    println!("cargo:rustc-link-search=native={}", lib.display());
    println!("cargo:rustc-link-lib=torch_cpu");
    println!("cargo:rustc-link-lib=c10");
    println!("cargo:rustc-link-lib=dl");
    println!("cargo:rustc-link-lib={}", if on_macos() { "omp" } else { "gomp" });
}

fn on_linux() -> bool {
    env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux")
}

fn on_macos() -> bool {
    env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("macos")
}

/// Tells the loader where to look for libtorch, in this order: in the Python environment that the program was installed
/// into (`bin/rimforge` of a wheel, beside its `lib/python3.x`), then where it was built.
///
/// As RPATH, which comes before LD_LIBRARY_PATH, while RUNPATH comes after it: environments of clusters put
/// a torch of their own there.
fn find_at_run_time(lib: &Path) {
    if !on_linux() {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.display());
        return;
    }
    println!("cargo:rustc-link-arg=-Wl,--disable-new-dtags");
    let mut places = vec!["$ORIGIN/../torch/lib".to_owned()];
    for python in 10..=14 {
        for (lib, packages) in [("lib", "site"), ("lib64", "site"), ("lib", "dist"), ("lib64", "dist")] {
            places.push(format!("$ORIGIN/../{lib}/python3.{python}/{packages}-packages/torch/lib"));
        }
    }
    // Where pip parts them, libraries of CUDA lie below lib and torch below lib64.
    places.extend((10..=14).map(|python| format!("$ORIGIN/../lib/python3.{python}/site-packages/nvidia/cu13/lib")));
    places.extend(beside_the_program(lib).unwrap_or_else(|| vec![lib.display().to_string()]));
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", places.join(":"));
    // Functions are looked up when they are first called: with a libtorch of another version the program comes as far
    // as naming both.
    println!("cargo:rustc-link-arg-bins=-Wl,-z,lazy");
}

/// libtorch's folder as seen from the program and from the tests, where checkout and target folder lie as ever: then no
/// path of this machine stands in the program, and the checkout can be moved.
fn beside_the_program(lib: &Path) -> Option<Vec<String>> {
    let checkout = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?).canonicalize().ok()?;
    let inside = lib.canonicalize().ok()?.strip_prefix(&checkout).ok()?.to_owned();
    // target/release/build/rimforge-0123/out
    let out = PathBuf::from(env::var_os("OUT_DIR")?).canonicalize().ok()?;
    let program = out.ancestors().nth(3)?.strip_prefix(&checkout).ok()?;
    let up = |levels: usize| format!("$ORIGIN/{}{}", "../".repeat(levels), inside.display());
    let levels = program.components().count();
    Some(vec![up(levels), up(levels + 1)])
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
