//! `rimforge doctor`: what was found on this machine.

use clap::Args;
use serde_json::json;

use crate::engine::{Engine, EngineConfig, Precision, precision};
use crate::problem::Result;

#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Print JSON instead of lines.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &DoctorArgs) -> Result<()> {
    let engine = Engine::start(&EngineConfig::default())?;
    let facts = &engine.facts;
    let low_precision = match facts.cpu_low_precision.as_slice() {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    let speed_up = precision::speed_up();
    let precision = Precision::Auto.resolve(engine.device, true)?;
    let measured =
        speed_up.map_or(String::new(), |factor| format!("; convolutions {factor:.1} x as fast as in float32"));
    if args.json {
        let found = json!({
            "rimforge": env!("CARGO_PKG_VERSION"),
            "libtorch": facts.libtorch_version,
            "libtorch_built_for": facts.compiled_version,
            "libtorch_folder": facts.libtorch_folder,
            "cpu_kernels": facts.cpu_capability,
            "cpu_bfloat16": facts.cpu_low_precision,
            "bfloat16_speed_up": speed_up,
            "precision": precision.name(),
            "threads": facts.threads,
            "gpu": facts.gpu,
            "device": format!("{:?}", engine.device),
        });
        println!("{found:#}");
    } else {
        println!("rimforge       {}", env!("CARGO_PKG_VERSION"));
        println!("libtorch       {} in {}", facts.libtorch_version, facts.libtorch_folder.display());
        println!("CPU kernels    {}", facts.cpu_capability);
        println!("CPU bfloat16   {low_precision}{measured}");
        println!("precision      {} (\"auto\")", precision.name());
        println!("threads        {}", facts.threads);
        println!("GPU            {}", facts.gpu);
        println!("device used    {:?}", engine.device);
    }
    Ok(())
}
