//! `rimforge doctor`: what was found on this machine.

use clap::Args;
use serde_json::json;

use super::console::Console;
use crate::engine::{Engine, EngineConfig, Precision, precision};
use crate::name::shown_path;
use crate::problem::Result;

/// Arguments of `rimforge doctor`: none.
#[derive(Args, Debug)]
pub struct DoctorArgs {}

/// Starts libtorch as a study would and prints what it found; measures what bfloat16 brings.
///
/// # Errors
/// As [`Engine::start`].
pub fn run(_args: &DoctorArgs, console: &Console) -> Result<()> {
    let engine = Engine::start(&EngineConfig::default())?;
    let facts = &engine.facts;
    let low_precision = match facts.cpu_low_precision.as_slice() {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    let speed_up = precision::speed_up();
    let precision = Precision::Auto.resolve(engine.device, true)?.name();
    let measured =
        speed_up.map_or(String::new(), |factor| format!("; convolutions {factor:.1} x as fast as in float32"));
    let version = env!("CARGO_PKG_VERSION");
    let found = json!({
        "rimforge": version,
        "libtorch": facts.libtorch_version,
        "libtorch_built_for": facts.compiled_version,
        "libtorch_folder": facts.libtorch_folder.to_string_lossy(),
        "cpu_kernels": facts.cpu_capability,
        "cpu_bfloat16": facts.cpu_low_precision,
        "bfloat16_speed_up": speed_up,
        "precision": precision,
        "threads": facts.threads,
        "gpu": facts.gpu,
        "device": format!("{:?}", engine.device),
    });
    console.result(&found, || {
        let lines = [
            ("rimforge", version.to_owned()),
            ("libtorch", format!("{} in {}", facts.libtorch_version, shown_path(&facts.libtorch_folder))),
            ("CPU kernels", facts.cpu_capability.clone()),
            ("CPU bfloat16", low_precision + &measured),
            ("precision", format!("{precision} (\"auto\")")),
            ("threads", facts.threads.to_string()),
            ("GPU", facts.gpu.clone()),
            ("device used", format!("{:?}", engine.device)),
        ];
        lines.map(|(name, value)| format!("{name:<14} {value}\n")).concat()
    })
}
