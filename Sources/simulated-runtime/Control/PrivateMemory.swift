import Foundation

/// The memory that this process owns alone.
enum PrivateMemory {
    /// Private_Clean + Private_Dirty of `/proc/self/smaps_rollup`, in bytes; 0 if it cannot be read.
    static func bytes() -> Int {
        guard let data = FileManager.default.contents(atPath: "/proc/self/smaps_rollup") else { return 0 }
        return bytes(inRollup: String(decoding: data, as: UTF8.self))
    }

    /// The same from the file's text, whose lines look like `Private_Dirty:      1234 kB`.
    private static func bytes(inRollup text: String) -> Int {
        text.split(separator: "\n")
            .filter { $0.hasPrefix("Private_Clean:") || $0.hasPrefix("Private_Dirty:") }
            .compactMap { $0.split(separator: " ").dropFirst().first.flatMap { Int($0) } }
            .reduce(0, +) * 1024
    }
}
