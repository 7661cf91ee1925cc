import Foundation

/// What a controller should have taken along when it ended.
struct Leftovers: Codable, Equatable {
    let processes: Int
    /// Paths below the run directory.
    let files: [String]
    /// Names in `/dev/shm`.
    let sharedMemory: [String]

    var count: Int { processes + files.count + sharedMemory.count }

    /// What lies in a run directory between two lives of a controller.
    private static let kept: Set = ["controller.lock", "epoch", "f", "logs", "logs.previous", "processes", "t", "w"]
    private static let logs = ["logs/", "logs.previous/"]

    /// - Parameters:
    ///   - runDirectory: of a controller that has ended, the only one of this program's children.
    ///   - before: what `sharedMemoryNames` was before it was started.
    init(runDirectory: String, sharedMemoryBefore before: Set<String>) {
        processes = ProcessTable.descendants(of: Int(getpid())).count
        let paths = FileManager.default.enumerator(atPath: runDirectory)?.compactMap { $0 as? String } ?? []
        files = Self.left(of: paths)
        sharedMemory = Self.sharedMemoryNames().subtracting(before).sorted()
    }

    static func left(of paths: [String]) -> [String] {
        paths.filter { path in !kept.contains(path) && !logs.contains { path.hasPrefix($0) } }.sorted()
    }

    static func sharedMemoryNames() -> Set<String> {
        Set((try? FileManager.default.contentsOfDirectory(atPath: "/dev/shm")) ?? [])
    }
}
