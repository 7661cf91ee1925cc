import CPlatform
import ControllerConfiguration
import Foundation
import Scheduling

/// The devices that this machine has, or that the config lists.
enum Devices {
    static func find(_ selection: DeviceSelection) throws -> [DeviceSpecification] {
        switch selection {
        case .auto:
            return [DeviceSpecification(id: DeviceID("cpu:0"), memoryBytes: usableMemory(), cores: affinity())]
        case .list(let devices):
            return try devices.map { device in
                let allowed = Set(affinity())
                let cores = device.cores ?? affinity()
                if let missing = cores.first(where: { !allowed.contains($0) }) {
                    throw ControllerError(
                        .badRequest,
                        "Device \(device.id) names core \(missing), which this process may not use; it may use "
                            + "\(allowed.sorted().map(String.init).joined(separator: ", ")).")
                }
                guard device.id.hasPrefix("cpu:") || device.memory != nil else {
                    throw ControllerError(
                        .badRequest, "Device \(device.id) needs its memory in the config: it is not measured yet.")
                }
                return DeviceSpecification(
                    id: DeviceID(device.id), memoryBytes: device.memory ?? usableMemory() / devices.count, cores: cores)
            }
        }
    }

    private static func affinity() -> [Int] {
        var cores = [Int32](repeating: 0, count: 4096)
        let count = wc_affinity(&cores, Int32(cores.count))
        return count > 0 ? cores.prefix(Int(count)).map(Int.init) : []
    }

    /// 80 % of what is free at start, or of what a cgroup leaves if that is less.
    private static func usableMemory() -> Int {
        var free = 0
        for line in (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8))?.split(separator: "\n") ?? []
        where line.hasPrefix("MemAvailable:") {
            free = (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) << 10
        }
        for (limit, used) in [
            ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
        ] {
            if let limit = number(in: limit), let used = number(in: used) { free = min(free, max(limit - used, 0)) }
        }
        return free / 10 * 8
    }

    /// Nil where there is no such file, or it holds a word ("max").
    private static func number(in file: String) -> Int? {
        (try? String(contentsOfFile: file, encoding: .utf8))
            .flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }
}
