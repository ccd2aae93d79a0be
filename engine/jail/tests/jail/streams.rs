//! What goes in and what comes out.

use std::fs;

use kiket_jail::{Chunk, End, Stream};
use tokio::sync::mpsc;

use super::world::World;

#[tokio::test]
async fn output_arrives_while_the_program_runs() {
    let world = World::new();
    let program = world.sh("echo one; while ! test -e go; do sleep 0.05; done; echo two; echo three >&2");
    let (sender, mut chunks) = mpsc::channel(8);
    let read = async {
        assert_eq!(chunks.recv().await, Some(Chunk { stream: Stream::Out, bytes: b"one\n".to_vec() }));
        fs::write(world.folder().join("go"), "").expect("it goes well");
        let mut rest = [chunks.recv().await.expect("it goes well"), chunks.recv().await.expect("it goes well")];
        rest.sort_by_key(|chunk| chunk.stream == Stream::Err);
        assert_eq!(rest[0].bytes, b"two\n");
        assert_eq!(rest[1].bytes, b"three\n");
        assert_eq!(chunks.recv().await, None);
    };
    let (finished, ()) = tokio::join!(world.jail.run(program, world.rules(), sender), read);
    assert_eq!(finished.expect("it goes well").end, End::Exited(0));
}

#[tokio::test]
async fn much_output_comes_whole_and_in_order() {
    let world = World::new();
    let program = world.sh("seq -w 1 1300000");
    let ran = world.run(program).await;
    assert_eq!(ran.out.len(), 1_300_000 * 8);
    assert!(ran.out.lines().zip(1..).all(|(line, number)| line.parse() == Ok(number)));
}

#[tokio::test]
async fn a_reader_that_is_gone_does_not_stop_the_program() {
    let world = World::new();
    let (sender, chunks) = mpsc::channel(1);
    drop(chunks);
    let program = world.sh("seq 1 200000 && echo done >marker");
    assert_eq!(world.jail.run(program, world.rules(), sender).await.expect("it goes well").end, End::Exited(0));
    assert!(world.folder().join("marker").exists());
}

#[tokio::test]
async fn input_arrives_whole_and_ends() {
    let world = World::new();
    let mut program = world.program("/bin/cat", &[]);
    program.stdin = "line of input\n".repeat(300_000).into_bytes();
    let expected = program.stdin.clone();
    let ran = world.run(program).await;
    assert!(ran.succeeded() && ran.out.as_bytes() == expected);
    assert_eq!(world.run(world.program("/bin/cat", &[])).await.out, "");
}

#[tokio::test]
async fn the_end_of_a_program_is_told() {
    let world = World::new();
    assert_eq!(world.run(world.sh("exit 7")).await.end(), End::Exited(7));
    assert_eq!(world.run(world.sh("kill -TERM $$")).await.end(), End::Signalled(15));
    assert_eq!(world.run(world.sh("kill -KILL $$")).await.end(), End::Signalled(9));
}
