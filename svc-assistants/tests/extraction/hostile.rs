//! Files that mean harm, and children that die.

use std::io::{Cursor, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use svc_assistants::extraction::{Extractor, ExtractorConfig, FailureReason, FileType};

use super::archive::{Entry, body, bomb, docx, stored, zlib_bomb};
use super::{config, extract, extract_with, refused, text};

/// The beginning of a Windows program, long enough to be known as one.
fn program() -> Vec<u8> {
    let mut bytes = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00".to_vec();
    bytes.resize(4_096, 0);
    bytes
}

#[test]
fn k_1_a_program_is_no_document_of_any_type() {
    for declared in FileType::ALL {
        refused(declared, &program(), FailureReason::TypeMismatch);
    }
}

#[test]
fn k_1_a_file_of_two_formats_is_refused_as_either() {
    let pdf = include_bytes!("../fixtures/refund.pdf").as_slice();
    let html = "<html><script>alert(1)</script>".as_bytes();
    let html_first = [html, pdf].concat();
    let pdf_first = [&b"%PDF-1.4\n"[..], html, pdf].concat();
    for polyglot in [&html_first, &pdf_first] {
        refused(FileType::Pdf, polyglot, FailureReason::TypeMismatch);
        refused(FileType::Html, polyglot, FailureReason::TypeMismatch);
    }
    let pdf_and_archive = [pdf, include_bytes!("../fixtures/delivery.docx")].concat();
    refused(FileType::Pdf, &pdf_and_archive, FailureReason::TypeMismatch);
}

#[test]
fn k_1_a_document_under_another_name_is_refused() {
    let (pdf, word, sheet) = (
        include_bytes!("../fixtures/refund.pdf").as_slice(),
        include_bytes!("../fixtures/delivery.docx").as_slice(),
        include_bytes!("../fixtures/prices.xlsx").as_slice(),
    );
    for (declared, bytes) in [
        (FileType::Docx, pdf),
        (FileType::Docx, sheet),
        (FileType::Xlsx, word),
        (FileType::Pdf, word),
        (FileType::Txt, pdf),
        (FileType::Csv, sheet),
        (FileType::Html, "просто текст".as_bytes()),
        (FileType::Txt, b"<!DOCTYPE html><p>page"),
    ] {
        refused(declared, bytes, FailureReason::TypeMismatch);
    }
}

#[test]
fn k_2_a_zip_bomb_is_refused_by_its_directory() {
    let started = Instant::now();
    let file = docx(bomb("word/document.xml", 1 << 30), Vec::new());
    assert!(file.len() < 2_000_000, "small outside");
    refused(FileType::Docx, &file, FailureReason::LimitExceeded);
    assert!(started.elapsed() < Duration::from_secs(5), "nothing was inflated");
}

#[test]
fn k_2_a_zip_bomb_with_a_lying_directory_is_refused() {
    let lying = docx(bomb("word/document.xml", 1_000), Vec::new());
    let failure = extract(FileType::Docx, &lying).unwrap_err();
    // Which of the two depends on whether the archive reader notices the lie before the limit is reached.
    assert!(matches!(failure.reason, FailureReason::LimitExceeded | FailureReason::ExtractionCrashed), "{failure}");
}

#[test]
fn k_2_entities_that_multiply_are_refused() {
    let laughs: String =
        (1..10).map(|level| format!("<!ENTITY l{level} \"{}\">", format!("&l{};", level - 1).repeat(10))).collect();
    let doctype = format!("<!DOCTYPE d [<!ENTITY l0 \"ha\">{laughs}]>");
    let file = docx(body(&doctype, "<w:p><w:r><w:t>&l9;</w:t></w:r></w:p>"), Vec::new());
    refused(FileType::Docx, &file, FailureReason::LimitExceeded);
}

#[test]
fn k_2_a_million_attributes_are_refused() {
    let attributes: String = (0..1_000_000).map(|number| format!(" a{number}=\"\"")).collect();
    let file = docx(body("", &format!("<w:p{attributes}/>")), Vec::new());
    refused(FileType::Docx, &file, FailureReason::LimitExceeded);
}

#[test]
fn k_2_memory_of_the_child_is_limited() {
    let page = format!("<html>{}", "<p>абзац</p>".repeat(200_000));
    let small = ExtractorConfig { memory_bytes_max: 96 * 1024 * 1024, ..config() };
    let failure = extract_with(small, FileType::Html, page.as_bytes()).unwrap_err();
    assert_eq!(failure.reason, FailureReason::LimitExceeded, "{failure}");
    assert!(failure.detail.contains("memory allocation"), "{failure}");
}

#[test]
fn k_2_processor_time_of_the_child_is_limited() {
    // Each element looks for an open paragraph among all that are open.
    let page = format!("<html>{}x", "<div>".repeat(100_000));
    let hasty = ExtractorConfig { cpu_seconds_max: 1, ..config() };
    let started = Instant::now();
    let outcome = extract_with(hasty, FileType::Html, page.as_bytes());
    assert_eq!(outcome.map(|_| "read").map_err(|failure| failure.reason), Err(FailureReason::LimitExceeded));
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn k_2_a_file_over_the_limit_is_refused_before_a_child_is_started() {
    let nowhere = ExtractorConfig { program: Some("/nonexistent".into()), ..config() };
    let failure = Extractor::new(nowhere).extract(FileType::Txt, 50 * 1024 * 1024 + 1, std::io::empty()).unwrap_err();
    assert_eq!(failure.reason, FailureReason::LimitExceeded);
}

/// A PDF of these objects, with a table of their places.
fn pdf(objects: &[impl AsRef<[u8]>], trailer: &str) -> Vec<u8> {
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut places = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        places.push(file.len());
        file.extend(format!("{} 0 obj\n", index + 1).bytes());
        file.extend(object.as_ref());
        file.extend(b"\nendobj\n");
    }
    let table = file.len();
    file.extend(format!("xref\n0 {}\n0000000000 65535 f \n", places.len() + 1).bytes());
    for place in places {
        file.extend(format!("{place:010} 00000 n \n").bytes());
    }
    let trailer = trailer.replace("XREF", &table.to_string());
    file.extend(
        format!("trailer\n<</Size {} /Root 1 0 R {trailer}>>\nstartxref\n{table}\n%%EOF\n", objects.len() + 1).bytes(),
    );
    file
}

#[test]
fn k_2_a_page_that_inflates_without_end_is_refused() {
    let content = zlib_bomb();
    let mut stream = format!("<</Length {}/Filter/FlateDecode>>stream\n", content.len()).into_bytes();
    stream.extend(content);
    stream.extend(b"\nendstream");
    let objects = [
        b"<</Type/Catalog /Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages /Kids [3 0 R] /Count 1>>".to_vec(),
        b"<</Type/Page /Parent 2 0 R /MediaBox [0 0 100 100] /Contents 4 0 R>>".to_vec(),
        stream,
    ];
    refused(FileType::Pdf, &pdf(&objects, ""), FailureReason::LimitExceeded);
}

#[test]
fn k_3_nested_arrays_and_looping_references_end_as_crashed() {
    let crashed = FailureReason::ExtractionCrashed;
    let nest = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    refused(FileType::Pdf, &pdf(&[format!("<</Type/Catalog /Pages {nest}>>")], ""), crashed);
    let pages_in_pages = ["<</Type/Catalog /Pages 2 0 R>>", "<</Type/Pages /Kids [2 0 R] /Count 1 /Parent 2 0 R>>"];
    refused(FileType::Pdf, &pdf(&pages_in_pages, ""), crashed);
    refused(FileType::Pdf, &pdf(&["1 0 R"], "/Prev XREF"), crashed);
}

#[test]
fn k_3_a_broken_pdf_ends_as_crashed() {
    let whole = include_bytes!("../fixtures/refund.pdf");
    refused(FileType::Pdf, b"%PDF-1.7\nnothing of the kind", FailureReason::ExtractionCrashed);
    refused(FileType::Pdf, &whole[..300], FailureReason::ExtractionCrashed);
}

#[test]
fn k_3_a_broken_archive_ends_as_crashed() {
    let whole = include_bytes!("../fixtures/delivery.docx");
    refused(FileType::Docx, &whole[..whole.len() / 2], FailureReason::ExtractionCrashed);
}

fn remote_template(address: &str) -> Entry {
    stored(
        "word/_rels/settings.xml.rels",
        &format!(
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/attachedTemplate" Target="http://{address}/evil.dotm" TargetMode="External"/></Relationships>"#
        ),
    )
}

#[test]
fn k_4_external_entities_and_templates_are_neither_read_nor_fetched() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let doctype = format!(
        "<!DOCTYPE d [<!ENTITY file SYSTEM \"file:///etc/passwd\"><!ENTITY net SYSTEM \"http://{address}/x\">]>"
    );
    let paragraphs = "<w:p><w:r><w:t>Цена 300 рублей</w:t></w:r></w:p><w:p><w:r><w:t>&file;&net;</w:t></w:r></w:p>";
    let file = docx(body(&doctype, paragraphs), vec![remote_template(&address)]);
    let read = extract(FileType::Docx, &file).unwrap();
    assert!(read.pages[0].text.starts_with("Цена 300 рублей"), "{read:?}");
    assert!(!read.pages[0].text.contains("root:"), "{read:?}");
    assert_eq!(read.warnings.len(), 2, "{read:?}");
    let called = listener.accept().map_err(|error| error.kind());
    assert_eq!(called.err(), Some(std::io::ErrorKind::WouldBlock), "nobody called");
}

/// A stand-in for the child that does what the script says.
fn child_that(script: &str) -> (tempfile::TempDir, ExtractorConfig) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("child.sh");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    (folder, ExtractorConfig { program: Some(program), ..config() })
}

#[test]
fn f_12_a_killed_child_is_reported_and_the_next_one_works() {
    let (_folder, killed) = child_that("kill -9 $$");
    let failure = extract_with(killed, FileType::Txt, b"text").unwrap_err();
    assert_eq!(failure.reason, FailureReason::ExtractionCrashed, "{failure}");
    assert!(failure.reason.may_pass_on_retry());
    assert!(!FailureReason::TypeMismatch.may_pass_on_retry());
    assert_eq!(text(FileType::Txt, b"text"), "text");
}

#[test]
fn f_12_a_child_that_lies_about_its_answer_is_not_believed() {
    for script in ["printf 'P\\000\\000\\000\\001\\377\\377\\377\\377'", "printf 'Z12345678'", "exit 0"] {
        let (_folder, lying) = child_that(script);
        extract_with(lying, FileType::Txt, b"text").unwrap_err();
    }
}

#[test]
fn f_12_a_child_that_hangs_is_killed_when_its_time_is_over() {
    let (folder, mut hanging) = child_that("echo $$ > \"$0.pid\"; exec sleep 1000");
    hanging.wall_time_max = Duration::from_millis(500);
    let failure = extract_with(hanging, FileType::Txt, b"text").unwrap_err();
    assert_eq!(failure.reason, FailureReason::LimitExceeded, "{failure}");
    let pid = std::fs::read_to_string(folder.path().join("child.sh.pid")).unwrap();
    assert!(!std::path::Path::new("/proc").join(pid.trim()).exists(), "no child is left");
}

/// A file that never ends and never goes on.
struct Stalled;

impl Read for Stalled {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        loop {
            std::thread::park();
        }
    }
}

#[test]
fn f_12_a_file_that_does_not_arrive_does_not_hold_the_worker() {
    let hasty = ExtractorConfig { wall_time_max: Duration::from_millis(500), ..config() };
    let failure = Extractor::new(hasty).extract(FileType::Txt, 10, Stalled).unwrap_err();
    assert_eq!(failure.reason, FailureReason::LimitExceeded, "{failure}");
    let cut = Extractor::new(config()).extract(FileType::Txt, 10, Cursor::new(b"text".to_vec()));
    assert_eq!(cut.unwrap_err().reason, FailureReason::ExtractionCrashed, "a cut file is no short file");
}

#[test]
fn k_4_the_child_is_fenced_before_the_file_arrives() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_svc-assistants"))
        .args(["extract-child", "txt", &std::process::id().to_string(), "536870912", "20"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", child.id())).unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    // The filter of system calls is the last part of the fence.
    while !read("status").contains("Seccomp:\t2") {
        assert!(Instant::now() < deadline, "no fence: {}", read("status"));
        std::thread::yield_now();
    }
    let limits: Vec<String> =
        read("limits").lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for limit in [
        "Max cpu time 20 21 seconds",
        "Max file size 0 0 bytes",
        "Max core file size 0 0 bytes",
        "Max open files 16 16 files",
        "Max address space 536870912 536870912 bytes",
    ] {
        assert!(limits.iter().any(|line| line == limit), "{limit}: {limits:?}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn f_12_a_child_dies_with_its_parent() {
    let mut parent = Command::new("/bin/sh")
        .args(["-c", "exec 3<&0; \"$0\" extract-child txt $$ 536870912 20 <&3 3<&- & exec 3<&-; wait"])
        .arg(env!("CARGO_BIN_EXE_svc-assistants"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The child now waits for a file of which only the length comes.
    let mut stdin = parent.stdin.take().unwrap();
    stdin.write_all(&100u64.to_be_bytes()).unwrap();
    parent.kill().unwrap();
    parent.wait().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let mut stdout = parent.stdout.take().unwrap();
    std::thread::spawn(move || sender.send(stdout.read_to_end(&mut Vec::new()).is_ok()));
    // Its end of the pipe closes only when it is gone.
    assert_eq!(receiver.recv_timeout(Duration::from_secs(5)), Ok(true));
}
