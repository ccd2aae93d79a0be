//! The templates that `kiket init` writes: what stood below `workflows/templates` when kiket was built.
//!
//! A template is a folder with a `README.md`, whose first line below the title says what it is for, and a `.kiket/`.

include!(concat!(env!("OUT_DIR"), "/templates.rs"));

/// A set of definitions to begin with.
pub(super) struct Template<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// What it is for, on one line.
    pub(super) about: &'a str,
    /// Its files: path from the folder that holds `.kiket/`, and text.
    pub(super) files: Vec<(&'a str, &'a str)>,
}

/// Returns the templates in the order of their names.
pub(super) fn all() -> Vec<Template<'static>> {
    group(TEMPLATES)
}

impl<'a> Template<'a> {
    /// Returns the id of a pipeline that it holds.
    pub(super) fn pipeline(&self) -> Option<&'a str> {
        let mut pipelines = self.files.iter().filter_map(|(path, _)| path.strip_prefix(".kiket/pipelines/"));
        pipelines.find_map(|name| name.strip_suffix(".yaml"))
    }
}

/// Puts files together that stand in one folder; they come in the order of their paths.
fn group<'a>(files: &[(&'a str, &'a str)]) -> Vec<Template<'a>> {
    let mut templates: Vec<Template<'a>> = Vec::new();
    for &(path, text) in files {
        let Some((name, path)) = path.split_once('/') else { continue };
        if templates.last().is_none_or(|last| last.name != name) {
            templates.push(Template { name, about: "", files: Vec::new() });
        }
        let Some(template) = templates.last_mut() else { continue };
        match path {
            "README.md" => template.about = about(text),
            path if path.starts_with(".kiket/") => template.files.push((path, text)),
            _ => {}
        }
    }
    templates
}

fn about(readme: &str) -> &str {
    let below_title = readme.lines().skip_while(|line| !line.starts_with("# ")).skip(1);
    below_title.map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Two templates as the build finds them.
    pub(in crate::cli) fn two() -> Vec<Template<'static>> {
        group(&[
            ("a-b/.kiket/plugins.yaml", "plugins"),
            ("a-b/README.md", "no title\n"),
            ("a/.kiket/pipelines/deploy.yaml", "deploy"),
            ("a/.kiket/project.yaml", "project"),
            ("a/README.md", "# A\n\n  Does it all. \n\nAt length.\n"),
            ("a/notes.txt", "not part of it"),
            ("stray.txt", "neither"),
        ])
    }

    #[test]
    fn files_of_one_folder_are_one_template() {
        let said: Vec<_> = two().iter().map(|one| (one.name, one.about, one.files.len(), one.pipeline())).collect();
        assert_eq!(said, [("a-b", "", 1, None), ("a", "Does it all.", 2, Some("deploy"))]);
    }

    #[test]
    fn every_shipped_template_says_what_it_is_for_and_holds_something() {
        let all = all();
        assert!(!all.is_empty());
        for template in all {
            assert!(!template.about.is_empty(), "{} has no README.md that says what it is for", template.name);
            assert!(!template.files.is_empty(), "{} holds nothing below .kiket/", template.name);
        }
    }
}
