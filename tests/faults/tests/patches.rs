//! The sabotages are only worth something while they apply: this is told by the ordinary tests, the rest by `sabotage/run`.

use std::path::Path;
use std::process::Command;

#[test]
fn every_sabotage_applies_to_the_tree() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sabotage");
    let mut patches: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "patch"))
        .collect();
    patches.sort();
    assert_eq!(patches.len(), 6);
    for patch in patches {
        let checked = Command::new("git")
            .current_dir(&root)
            .args(["apply", "--check"])
            .arg(&patch)
            .output();
        let Ok(checked) = checked else {
            eprintln!("there is no git: not checked");
            return;
        };
        assert!(
            checked.status.success(),
            "{} does not apply any more: make it anew against the code that it breaks\n{}",
            patch.display(),
            String::from_utf8_lossy(&checked.stderr)
        );
    }
}
