//! What `kiket serve` can be told of how much plugins may take.

use std::time::Duration;

use kiket_host::CompileLimits;

use crate::config::PluginLimits;

/// The limits of plugins; each has a default that suits most.
#[derive(clap::Args)]
#[command(next_help_heading = "Limits of plugins")]
pub(super) struct PluginArguments {
    /// CPU time of one attempt
    #[arg(long, env = "KIKET_PLUGIN_CPU", default_value = "30s", value_name = "TIME", value_parser = time)]
    plugin_cpu: Duration,
    /// Largest component that a repository may bring along, in bytes
    #[arg(long, env = "KIKET_COMPONENT_BYTES", default_value_t = PluginLimits::default().component_bytes, value_name = "N")]
    component_bytes: usize,
    /// CPU time of compiling one
    #[arg(long, env = "KIKET_COMPILE_CPU", default_value = "2m", value_name = "TIME", value_parser = time)]
    compile_cpu: Duration,
    /// Time of compiling one, from start to end
    #[arg(long, env = "KIKET_COMPILE_WALL", default_value = "4m", value_name = "TIME", value_parser = time)]
    compile_wall: Duration,
    /// Memory of compiling one, in bytes
    #[arg(long, env = "KIKET_COMPILE_MEMORY", default_value_t = CompileLimits::default().memory, value_name = "N")]
    compile_memory: u64,
}

impl From<PluginArguments> for PluginLimits {
    fn from(arguments: PluginArguments) -> Self {
        let PluginArguments { plugin_cpu, component_bytes, compile_cpu, compile_wall, compile_memory } = arguments;
        let compile =
            CompileLimits { cpu: compile_cpu, wall: compile_wall, memory: compile_memory, ..CompileLimits::default() };
        Self { cpu: plugin_cpu, component_bytes, compile }
    }
}

pub(super) fn time(text: &str) -> Result<Duration, String> {
    kiket_core::duration::parse(text).ok_or_else(|| format!("`{text}` is not a time such as 250ms, 30s or 2m"))
}
