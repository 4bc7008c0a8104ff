#[path="../benches/yardstick/mod.rs"] mod yardstick; use std::time::Instant; use std::hint::black_box;
fn main(){ for _ in 0..3 { 
 let n=10_000_000; let t=Instant::now(); black_box(yardstick::mm1(n,1e9/800.0,1e6,1)); println!("mm1 {:.1} ns/req",t.elapsed().as_nanos() as f64/n as f64);
 let t=Instant::now(); black_box(yardstick::mmc(n,16,1e9/12800.0,1e6,1)); println!("mm16 {:.1} ns/req",t.elapsed().as_nanos() as f64/n as f64);
 let n=3_000_000; let mut w=yardstick::WebLoop::new(yardstick::Web{gap:1e9/15238.0,instances:50,workers:8,pool:20,servers:64},1); let t=Instant::now(); black_box(w.run(n)); println!("w3 {:.1} ns/req",t.elapsed().as_nanos() as f64/n as f64); } }
