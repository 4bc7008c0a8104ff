use std::sync::atomic::AtomicBool; use std::time::Instant;
use capsim::{scenario::{self,Disk},component::System,rng::Streams};
fn main(){ for f in std::env::args().skip(1) { let l=scenario::load(&Disk,std::path::Path::new(&f),&[]).map_err(|p|println!("{}",p.found.render(&p.sources,false))).unwrap(); 
 for rep in 0..5 { let mut s=System::new(l.scenario.blueprint(),Streams::new(1,rep)); let t=Instant::now(); s.run(&AtomicBool::new(false)); let e=t.elapsed().as_nanos() as f64; let n=s.recorder().n_arrived(); println!("{f}: {n} requests {:.1} ns/req {:.1} ns/event, highest {}",e/n as f64,e/s.n_events() as f64,s.highest_in_flight()); } } }
