//! Which processes descend from which.

use std::collections::{HashMap, HashSet};

use super::{Proc, Unreadable};

impl Proc {
    /// `roots` as far as they run, their children and the children of those, in ascending order.
    pub fn with_children(&self, roots: &[u32]) -> Result<Vec<u32>, Unreadable> {
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        let mut running = HashSet::new();
        for pid in self.pids()? {
            running.insert(pid);
            if let Ok(stat) = self.stat(pid) {
                children.entry(stat.parent).or_default().push(pid);
            }
        }
        let mut due: Vec<u32> = roots.iter().copied().filter(|root| running.contains(root)).collect();
        let mut found = HashSet::new();
        while let Some(pid) = due.pop() {
            if found.insert(pid) {
                due.extend(children.get(&pid).into_iter().flatten());
            }
        }
        let mut found: Vec<u32> = found.into_iter().collect();
        found.sort_unstable();
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::MadeProc;

    fn made(parents: &[(u32, u32)]) -> MadeProc {
        let made = MadeProc::new();
        for (pid, parent) in parents {
            made.file(&format!("{pid}/stat"), format!("{pid} (a) b) S {parent} 1 1 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 1 1"));
        }
        made
    }

    #[test]
    fn children_come_with_their_own_children() {
        let made = made(&[(1, 0), (10, 1), (11, 10), (12, 11), (13, 10), (20, 1), (21, 20)]);
        assert_eq!(made.proc().with_children(&[10]), Ok(vec![10, 11, 12, 13]));
        assert_eq!(made.proc().with_children(&[12, 20, 11]), Ok(vec![11, 12, 20, 21]));
    }

    #[test]
    fn what_has_ended_is_left_out() {
        let made = made(&[(1, 0), (10, 1)]);
        assert_eq!(made.proc().with_children(&[99, 10]), Ok(vec![10]));
        made.folder("30");
        assert_eq!(made.proc().with_children(&[30]), Ok(vec![30]), "its stat vanished meanwhile");
    }

    #[test]
    fn parents_in_a_circle_come_to_an_end() {
        assert_eq!(made(&[(5, 6), (6, 5)]).proc().with_children(&[5]), Ok(vec![5, 6]));
    }
}
