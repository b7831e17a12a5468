//! F-12: the child that reads a file dies. The product runs in a process of its own, so that its children are known.

use std::{collections::BTreeSet, time::Duration};

use neipix_tests::{
    client::{Bearer, Rest, http},
    poll::eventually_within,
    trust,
};
use serde_json::{Value, json};

use crate::process::Process;

/// Long enough for a child to be found at work.
fn file() -> String {
    "Вернуть товар можно в течение 14 дней со дня покупки.\n\n".repeat(40_000)
}

/// The child of a process that reads a file at this moment.
fn reader_of(parent: u64) -> Option<i32> {
    let parent = parent.to_string();
    std::fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        (words.get(1) == Some(&&b"extract-child"[..]) && words.get(3) == Some(&parent.as_bytes())).then_some(pid)
    })
}

struct Scene {
    product: Process,
    owner: Rest<Bearer>,
    files: String,
}

impl Scene {
    async fn set() -> Self {
        let product = Process::start(&["--no-limits"]).await;
        let owner = product.owner();
        let made = owner.post("/api/v1/assistants", json!({"draft": {"name": "Ромашка"}})).await.ok();
        let files = format!("/api/v1/assistants/{}/files", made["id"].as_str().unwrap());
        Self { product, owner, files }
    }

    /// Announces, uploads and confirms the file; answers its path.
    async fn uploads(&self, name: &str) -> String {
        let content = file();
        let body = json!({"name": name, "sizeBytes": content.len().to_string()});
        let announced = self.owner.post(&self.files, body).await.ok();
        let mut form = reqwest::multipart::Form::new();
        for (name, value) in announced["upload"]["fields"].as_object().unwrap() {
            form = form.text(name.clone(), value.as_str().unwrap().to_owned());
        }
        form = form.part("file", reqwest::multipart::Part::bytes(content.into_bytes()).file_name("file"));
        let sent = http().post(announced["upload"]["url"].as_str().unwrap()).multipart(form).send().await.unwrap();
        assert!(sent.status().is_success(), "the storage refuses: {}", sent.status());
        let path = format!("{}/{}", self.files, announced["file"]["id"].as_str().unwrap());
        let _ = self.owner.post(&format!("{path}:confirm"), json!({})).await.ok();
        path
    }

    /// Kills the children that read it, so many at most; answers the file at its end and how many died.
    async fn kills(&self, path: &str, most: usize) -> (Value, usize) {
        let mut killed = BTreeSet::new();
        let ended = eventually_within(Duration::from_secs(120), "the end of the file", async || {
            match reader_of(self.product.pid).filter(|_| killed.len() < most) {
                Some(child) => {
                    // SAFETY: kill takes no pointers.
                    unsafe { libc::kill(child, libc::SIGKILL) };
                    killed.insert(child);
                    None
                }
                None => {
                    let file = self.owner.get(path).await.ok();
                    let ended = ["FILE_STATUS_READY", "FILE_STATUS_FAILED"].contains(&file["status"].as_str().unwrap());
                    ended.then_some(file)
                }
            }
        })
        .await;
        (ended, killed.len())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f_12_a_child_that_dies_has_two_retries_and_then_the_file_fails_with_a_reason() {
    trust!("F-12");
    let scene = Scene::set().await;
    let unlucky = scene.uploads("правила.txt").await;
    let (failed, killed) = scene.kills(&unlucky, usize::MAX).await;
    assert_eq!((killed, failed["status"].as_str()), (3, Some("FILE_STATUS_FAILED")), "{failed}");
    let failure = &failed["failure"];
    assert_eq!(failure["reason"], "extraction_crashed", "{failure}");
    let (russian, english) = (failure["textRu"].as_str().unwrap(), failure["textEn"].as_str().unwrap());
    assert!(russian.starts_with("Файл повреждён") && english.starts_with("The file is damaged"), "{failure}");
    assert_eq!(reader_of(scene.product.pid), None, "nobody goes on reading");

    // The file was good: a person's own retry, left alone, reads it.
    let _ = scene.owner.post(&format!("{unlucky}:retry"), json!({})).await.ok();
    let (read, _) = scene.kills(&unlucky, 0).await;
    assert_eq!(read["status"], "FILE_STATUS_READY", "{read}");

    // The last retry is enough.
    let lucky = scene.uploads("доставка.txt").await;
    let (ready, killed) = scene.kills(&lucky, 2).await;
    assert_eq!((killed, ready["status"].as_str()), (2, Some("FILE_STATUS_READY")), "{ready}");
    scene.product.kill().await;
}
