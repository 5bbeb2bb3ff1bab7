use std::thread;

pub fn sum_in_thread(values: Vec<u32>) -> u32 {
    let worker = thread::spawn(|| values.iter().sum());
    worker.join().unwrap_or(0)
}

#[test]
fn sums() {
    assert_eq!(sum_in_thread(vec![1, 2, 3]), 6);
}
