//! Writes a static site: every page of plain text becomes one of HTML, with the version and the commit below it.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(pages), Some(site)) = (arguments.next(), arguments.next()) else {
        return Err("usage: site PAGES SITE".into());
    };
    let version = env::var("VERSION").unwrap_or_else(|_| "0".to_owned());
    let commit = env::var("COMMIT").unwrap_or_else(|_| "unknown".to_owned());
    let site = Path::new(&site);
    fs::create_dir_all(site)?;
    let mut written = 0;
    for page in fs::read_dir(pages)? {
        let path = page?.path();
        let name = path.file_stem().ok_or("a page has a name")?.to_owned();
        let html = render(&fs::read_to_string(&path)?, &version, &commit);
        fs::write(site.join(name).with_extension("html"), html)?;
        written += 1;
    }
    fs::write(site.join("version.txt"), format!("{version} {commit}\n"))?;
    println!("{written} pages of version {version}");
    Ok(())
}

/// The first line is the title, and paragraphs are what empty lines separate.
fn render(text: &str, version: &str, commit: &str) -> String {
    let (title, body) = text.split_once('\n').unwrap_or((text, ""));
    let paragraphs: Vec<String> =
        body.split("\n\n").filter(|text| !text.trim().is_empty()).map(|text| format!("<p>{}</p>", escape(text.trim()))).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<h1>{title}</h1>\n{}\n\
         <footer>version {}, commit {}</footer>\n",
        paragraphs.join("\n"),
        escape(version),
        escape(commit),
        title = escape(title),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
