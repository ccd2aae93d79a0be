//! What is left of the jail where it was given up on purpose.

use std::time::Duration;

use kiket_jail::{End, JailError};
use tokio::sync::mpsc;

use super::world::{World, alive, daemons, kill_launcher_of, mark, nobody_is_left};

#[tokio::test]
async fn files_are_open_and_the_environment_is_still_clean() {
    let (world, elsewhere) = (World::unjailed(), tempfile::tempdir().expect("it goes well"));
    let file = elsewhere.path().join("file");
    let ran = world.run(world.sh(&format!("env | grep -v -e ^PWD -e ^PATH -e ^_; echo x >{}", file.display()))).await;
    assert_eq!((ran.out.as_str(), ran.end()), ("", End::Exited(0)), "{ran:?}");
    assert!(file.exists());
}

#[tokio::test]
async fn the_tree_still_ends_whole() {
    let (world, mark) = (World::unjailed(), mark());
    let mut rules = world.rules();
    rules.wall = Duration::from_secs(2);
    let ran = world.run_by(world.sh(&format!("{}; sleep {mark}", daemons(&mark))), rules).await.expect("it goes well");
    assert_eq!(alive(&mark), [0; 0]);
    assert_eq!(ran.end(), End::WallLimit);

    let ran = world.run(world.sh(&daemons(&mark))).await;
    assert_eq!(alive(&mark), [0; 0]);
    assert!(ran.succeeded());

    world.give_up_after(world.sh(&format!("{}; sleep {mark}", daemons(&mark))), "ready").await;
    nobody_is_left(&mark).await;
}

#[tokio::test]
async fn limits_still_hold() {
    let world = World::unjailed();
    let mut rules = world.rules();
    rules.cpu = Duration::from_secs(1);
    let ran = world
        .run_by(world.sh("(while :; do :; done) & while :; do :; done"), rules.clone())
        .await
        .expect("it goes well");
    assert_eq!(ran.end(), End::CpuLimit);
    rules.file_bytes = 1000;
    let ran = world.run_by(world.sh("exec head -c 2000 /dev/zero >big"), rules).await.expect("it goes well");
    assert_eq!(ran.end(), End::Signalled(25));
}

#[tokio::test]
async fn the_program_itself_dies_with_its_launcher() {
    let (world, mark) = (World::unjailed(), mark());
    let program = world.sh(&format!("echo ready; exec sleep {mark}"));
    let (sender, mut chunks) = mpsc::channel(8);
    let killed = async {
        chunks.recv().await.expect("it goes well");
        while alive(&mark).is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        kill_launcher_of(&mark);
    };
    let (ran, ()) = tokio::join!(world.jail.run(program, world.rules(), sender), killed);
    assert!(matches!(ran, Err(JailError::Lost(_))), "{ran:?}");
    nobody_is_left(&mark).await;
}
