//! Which container a path of a cgroup belongs to.

use std::fmt;

const DIGITS: usize = 64;

/// The id of a container: 64 hexadecimal digits, as docker, containerd, cri-o and podman give them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId([u8; DIGITS]);

impl ContainerId {
    /// From the text of `/proc/PID/cgroup`: one line per hierarchy, `ID:CONTROLLERS:PATH`; the first that names a container counts.
    pub fn in_cgroup_file(text: &[u8]) -> Option<Self> {
        text.split(|&byte| byte == b'\n').find_map(|line| Self::in_path(line.splitn(3, |&byte| byte == b':').nth(2)?))
    }

    /// From the path of a cgroup. Containers nest: the innermost is meant.
    pub fn in_path(path: &[u8]) -> Option<Self> {
        path.rsplit(|&byte| byte == b'/').find_map(Self::in_segment)
    }

    /// `<id>`, `docker-<id>.scope`, `cri-containerd-<id>.scope`, `kubepods-pod<uid>.slice:cri-containerd:<id>`, ...
    fn in_segment(segment: &[u8]) -> Option<Self> {
        let name = segment.strip_suffix(b".scope").or(segment.strip_suffix(b".slice")).unwrap_or(segment);
        let (before, id) = name.split_at_checked(name.len().checked_sub(DIGITS)?)?;
        // The monitor of a container runs beside it, on the host: `libpod-conmon-<id>.scope`.
        let begins = matches!(before, [] | [.., b'-' | b':']) && !before.ends_with(b"conmon-");
        let is_id = begins && id.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        is_id.then(|| id.try_into().ok().map(Self)).flatten()
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for ContainerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ContainerId({self})")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const OTHER: &str = "ffff456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn found(text: &str) -> Option<String> {
        ContainerId::in_cgroup_file(text.as_bytes()).map(|id| id.to_string())
    }

    #[test]
    fn every_runtime_has_its_way_to_name_a_cgroup() {
        for path in [
            format!("0::/docker/{ID}"),
            format!("0::/system.slice/docker-{ID}.scope"),
            format!("0::/system.slice/docker-{ID}.scope/init.scope"),
            format!("12:pids:/docker/{ID}\n11:cpu,cpuacct:/docker/{ID}\n0::/"),
            format!("1:name=systemd:/docker/{ID}\n0::/system.slice/containerd.service"),
            format!("0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0_1.slice/cri-containerd-{ID}.scope"),
            format!("0::/kubepods.slice/kubepods-pod0_1.slice/crio-{ID}.scope/container"),
            format!("0::/kubepods/besteffort/pod01234567-89ab-cdef-0123-456789abcdef/{ID}"),
            format!("0::/system.slice/containerd.service/kubepods-besteffort-pod0_1.slice:cri-containerd:{ID}"),
            format!("0::/machine.slice/libpod-{ID}.scope/container"),
            format!("0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope"),
            format!("9:memory:/ecs/0a1b2c3d/{ID}"),
            format!("0::/../{ID}"),
            format!("0::/docker/{OTHER}/docker/{ID}"),
        ] {
            assert_eq!(found(&path).as_deref(), Some(ID), "{path}");
        }
    }

    #[test]
    fn the_host_has_none() {
        for path in [
            String::new(),
            "0::/".into(),
            "0::/init.scope".into(),
            "0::/system.slice/nginx.service".into(),
            "4:memory:/process_api/f41163838c63ca3bdc2dce349849d5fa\n0::/".into(),
            format!("0::/machine.slice/libpod-conmon-{ID}.scope"),
            format!("0::/system.slice/crio-conmon-{ID}.scope"),
            format!("0::/x{ID}"),
            format!("0::/{}", ID.to_uppercase()),
            format!("0::/{}", &ID[1..]),
            "garbage".into(),
            ID.into(),
        ] {
            assert_eq!(found(&path), None, "{path}");
        }
    }
}
