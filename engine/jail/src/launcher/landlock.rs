//! The grants a second time, as rules of Landlock.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope, path_beneath_rules,
};

use super::grants::Grants;
use super::view::DEVICES;

/// What a kernel must have: before it, no program could rename between folders.
const NEEDED: ABI = ABI::V2;
/// What is asked for where the kernel has it: truncation, TCP, devices, signals and abstract sockets.
const WANTED: ABI = ABI::V6;

/// Restricts this process and its future children, for good.
pub(super) fn restrict(grants: &Grants, network: bool) -> Result<(), RulesetError> {
    let files = AccessFs::from_all(WANTED);
    let device = AccessFs::from_file(WANTED) & !AccessFs::Execute;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(NEEDED))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(files)?
        .scope(Scope::from_all(WANTED))?;
    if !network {
        rules = rules.handle_access(AccessNet::from_all(WANTED))?;
    }
    let status = rules
        .create()?
        .add_rules(path_beneath_rules(&grants.readable, AccessFs::from_read(WANTED)))?
        .add_rules(path_beneath_rules(&grants.writable, files))?
        .add_rules(path_beneath_rules(DEVICES, device))?
        .add_rules(path_beneath_rules(["/proc"], AccessFs::ReadFile | AccessFs::ReadDir))?
        .restrict_self()?;
    debug_assert_ne!(status.ruleset, RulesetStatus::NotEnforced, "the needed part is a hard requirement");
    Ok(())
}
