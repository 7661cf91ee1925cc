import Foundation

/// What the kernel tells of a process.
public enum ProcFS {
    /// Start time in clock ticks since boot; nil if there is no such process.
    static func startTime(pid: Int) -> UInt64? {
        let fields = fieldsAfterName(pid: pid)
        return fields.count > 20 ? UInt64(fields[20]) : nil
    }

    /// False once the kernel has begun to end it, or if there is no such process.
    static func hasMemory(pid: Int) -> Bool {
        let fields = fieldsAfterName(pid: pid)
        return fields.count > 21 && fields[21] != "0"
    }

    /// The pids of the processes whose parent is `pid`, those included that have ended and are not reaped.
    public static func children(of pid: Int) -> [Int] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int($0) }.filter { child in
            let fields = fieldsAfterName(pid: child)
            return fields.count > 2 && Int(fields[2]) == pid
        }
    }

    /// The fields of /proc/PID/stat from the closing parenthesis of the name on; empty if there is no such process.
    private static func fieldsAfterName(pid: Int) -> [Substring] {
        guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return [] }
        // The name in parentheses may hold anything: spaces, parentheses, half a character.
        let text = String(decoding: data, as: UTF8.self)
        guard let nameEnd = text.lastIndex(of: ")") else { return [] }
        return text[nameEnd...].split(separator: " ")
    }

    /// Bytes that the process owns alone, and its proportional share of all that it maps; nil if it is gone.
    public static func memory(pid: Int) -> (privateBytes: Int, proportionalBytes: Int)? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/smaps_rollup", encoding: .utf8) else { return nil }
        var kilobytes: [Substring: Int] = [:]
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            if fields.count == 3, fields[2] == "kB" { kilobytes[fields[0], default: 0] += Int(fields[1]) ?? 0 }
        }
        guard let clean = kilobytes["Private_Clean:"], let dirty = kilobytes["Private_Dirty:"],
            let proportional = kilobytes["Pss:"]
        else { return nil }
        return ((clean + dirty) << 10, proportional << 10)
    }
}
