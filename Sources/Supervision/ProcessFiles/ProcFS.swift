import Foundation

/// What the kernel tells of a process.
public enum ProcFS {
    /// Start time in clock ticks since boot; nil if there is no such process.
    static func startTime(pid: Int) -> UInt64? {
        guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return nil }
        // The name in parentheses may hold anything: spaces, parentheses, half a character.
        let text = String(decoding: data, as: UTF8.self)
        guard let nameEnd = text.lastIndex(of: ")") else { return nil }
        let fields = text[nameEnd...].split(separator: " ")
        return fields.count > 20 ? UInt64(fields[20]) : nil
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
