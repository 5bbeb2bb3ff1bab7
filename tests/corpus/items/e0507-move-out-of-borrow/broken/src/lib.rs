pub struct Job {
    pub title: String,
    pub done: bool,
}

pub fn titles(jobs: &[Job]) -> Vec<String> {
    let mut out = Vec::new();
    for job in jobs {
        if job.done {
            out.push(job.title);
        }
    }
    out
}

#[test]
fn lists_what_is_done() {
    let jobs = [
        Job { title: "a".into(), done: true },
        Job { title: "b".into(), done: false },
    ];
    assert_eq!(titles(&jobs), ["a"]);
}
