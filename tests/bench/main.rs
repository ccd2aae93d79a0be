//! Benchmarks of the release binary, out of process and over HTTP; only the sandbox is measured by itself as well.
//!
//! `cargo xtask bench` builds it and runs them all, or those it is told. Each prints what it measured, and the first
//! line the machine, the disk and the durability. `README.md` has what each means, and figures.

mod check;
mod load;
mod machine;
mod server;
mod w1;
mod w10;
mod w12;
mod w2;
mod w3;
mod w6;
mod w8;
mod w9;

const ALL: [&str; 10] = ["check", "w1", "w2", "w3", "w6", "w7", "w8", "w9", "w10", "w12"];

fn main() {
    let arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let wanted: Vec<String> = arguments.map(|argument| argument.to_lowercase()).collect();
    if let Some(unknown) = wanted.iter().find(|wanted| !ALL.contains(&wanted.as_str())) {
        eprintln!("there is no benchmark `{unknown}`, but {}", ALL.join(", "));
        std::process::exit(2);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    println!("{}", machine::describe());
    for name in ALL.iter().filter(|name| wanted.is_empty() || wanted.iter().any(|wanted| wanted == *name)) {
        runtime.block_on(async {
            match *name {
                "w1" => w1::measure().await,
                "w2" => w2::measure().await,
                "w3" => w3::measure().await,
                "w6" => w6::measure().await,
                "w7" => w6::measure_cold().await,
                "w8" => w8::measure().await,
                "w9" => w9::measure().await,
                "w10" => w10::measure().await,
                "w12" => w12::measure().await,
                _ => check::run().await,
            }
        });
    }
}
