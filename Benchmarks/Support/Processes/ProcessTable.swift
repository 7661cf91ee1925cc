import Foundation

/// What `/proc` says of processes.
package enum ProcessTable {
    package struct Entry: Equatable {
        package let pid: Int
        package let parent: Int
        package let isZombie: Bool
        /// User and system time, in clock ticks.
        package let ticks: Int

        /// - Parameter text: of a `stat` file; the name in it may contain spaces and parentheses.
        init?(stat text: String) {
            guard let opening = text.firstIndex(of: "("), let closing = text.lastIndex(of: ")"),
                let pid = Int(text[..<opening].filter { $0 != " " })
            else { return nil }
            let fields = text[text.index(after: closing)...].split(separator: " ")
            // proc(5): the third field is the state, the fourth the parent, the 14th and 15th the times.
            guard fields.count > 12, let parent = Int(fields[1]), let user = Int(fields[11]),
                let system = Int(fields[12])
            else { return nil }
            self.pid = pid
            self.parent = parent
            isZombie = fields[0] == "Z"
            ticks = user + system
        }
    }

    static func all() -> [Entry] {
        numbers(in: "/proc").compactMap { entry("/proc/\($0)/stat") }
    }

    /// Everything below a process that has not ended.
    package static func descendants(of pid: Int) -> [Int] {
        let children = Dictionary(grouping: all().filter { !$0.isZombie }, by: \.parent)
        var found: [Int] = []
        var next = [pid]
        while let parent = next.popLast() {
            let below = children[parent]?.map(\.pid) ?? []
            found += below
            next += below
        }
        return found
    }

    /// The clock ticks that each thread of a process has used, by thread id; empty once it is gone.
    package static func threadTicks(of pid: Int) -> [Int: Int] {
        let threads = numbers(in: "/proc/\(pid)/task").compactMap { entry("/proc/\(pid)/task/\($0)/stat") }
        return Dictionary(uniqueKeysWithValues: threads.map { ($0.pid, $0.ticks) })
    }

    /// How many descriptors a process has open; 0 once it is gone.
    package static func descriptors(of pid: Int) -> Int { numbers(in: "/proc/\(pid)/fd").count }

    /// What a process owns alone, in bytes: `Private_Clean` and `Private_Dirty` of its `smaps_rollup`.
    package static func privateBytes(of pid: Int) throws -> Int {
        try bytes(of: pid, ["Private_Clean", "Private_Dirty"])
    }

    /// What is resident of the mappings of a process for which huge pages are switched off, in bytes: a core of ours has its KV
    /// cache in such mappings, and nothing else.
    package static func cacheBytes(of pid: Int) throws -> Int {
        let path = "/proc/\(pid)/smaps"
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw BenchmarkError("\(path) cannot be read, so the memory of the process is not known.")
        }
        return cacheBytes(inMappings: text)
    }

    static func cacheBytes(inMappings text: String) -> Int {
        var sum = 0
        var resident = 0
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.first == "Rss:", words.count > 1 { resident = Int(words[1]) ?? 0 }
            // proc(5): the last line of a mapping.
            if words.first == "VmFlags:", words.contains("nh") { sum += resident }
        }
        return sum * 1024
    }

    /// What processes have together, in bytes: what several of them share counts once, in parts, and what they share with others
    /// counts with the part that falls on them. Those that end meanwhile have nothing.
    package static func proportionalBytes(of pids: [Int]) throws -> Int { try sum(of: pids, ["Pss"]) }

    /// The same without the pages of files that nobody has written to: what can leak. The part of such pages that falls on these
    /// processes rises when others that use the same libraries end.
    package static func writtenBytes(of pids: [Int]) throws -> Int { try sum(of: pids, ["Pss_Anon", "Pss_Shmem"]) }

    private static func sum(of pids: [Int], _ names: [String]) throws -> Int {
        var sum = 0
        for pid in pids {
            do {
                sum += try bytes(of: pid, names)
            } catch {
                guard entry("/proc/\(pid)/stat")?.isZombie ?? true else { throw error }
            }
        }
        return sum
    }

    private static func bytes(of pid: Int, _ names: [String]) throws -> Int {
        let path = "/proc/\(pid)/smaps_rollup"
        guard let text = try? String(contentsOfFile: path, encoding: .utf8), let bytes = bytes(names, inRollup: text)
        else {
            throw BenchmarkError("\(path) cannot be read, so the memory of the process is not known.")
        }
        return bytes
    }

    /// - Returns: the sum of the named lines; nil if one is missing.
    static func bytes(_ names: [String], inRollup text: String) -> Int? {
        let lines = text.split(separator: "\n").filter { line in names.contains { line.hasPrefix($0 + ":") } }
        let sizes = lines.compactMap { $0.split(separator: " ").dropFirst().first.flatMap { Int($0) } }
        return sizes.count == names.count ? sizes.reduce(0, +) * 1024 : nil
    }

    private static func numbers(in folder: String) -> [Int] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).compactMap { Int($0) }
    }

    private static func entry(_ path: String) -> Entry? {
        (try? String(contentsOfFile: path, encoding: .utf8)).flatMap { Entry(stat: $0) }
    }
}
