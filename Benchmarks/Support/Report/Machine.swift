import CPlatform
import Foundation

/// Where a run took place.
package struct Machine: Codable {
    package let cores: Int
    package let processor: String
    package let memoryBytes: Int
    package let kernel: String
    /// Runnable processes over the last minute, before the run.
    package let load: Double

    package static func current() -> Machine {
        var name = utsname()
        uname(&name)
        let release = withUnsafeBytes(of: &name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        var cores: [Int32] = [0]
        var load = 0.0
        getloadavg(&load, 1)
        return Machine(
            cores: Int(max(wc_affinity(&cores, 1), 1)),
            processor: field("model name", in: "/proc/cpuinfo") ?? "unknown",
            memoryBytes: (field("MemTotal", in: "/proc/meminfo").flatMap { Int($0.prefix { $0.isNumber }) } ?? 0)
                * 1024,
            kernel: release, load: load)
    }

    private static func field(_ name: String, in file: String) -> String? {
        let line = (try? String(contentsOfFile: file, encoding: .utf8))?.split(separator: "\n")
            .first { $0.hasPrefix(name) }
        return line?.split(separator: ":", maxSplits: 1).last?.trimmingCharacters(in: .whitespaces)
    }
}
