import Foundation

/// What a controller should have taken along when it ended.
package struct Leftovers: Codable, Equatable {
    package let processes: Int
    /// Paths below the run directory.
    package let files: [String]
    /// Names in `/dev/shm`.
    package let sharedMemory: [String]

    package var count: Int { processes + files.count + sharedMemory.count }

    /// What lies in a run directory between two lives of a controller.
    private static let kept: Set = ["controller.lock", "epoch", "f", "logs", "logs.previous", "processes", "t", "w"]
    private static let logs = ["logs/", "logs.previous/"]

    static func left(of paths: [String]) -> [String] {
        paths.filter { path in !kept.contains(path) && !logs.contains { path.hasPrefix($0) } }.sorted()
    }

    package static func sharedMemoryNames() -> Set<String> {
        Set((try? FileManager.default.contentsOfDirectory(atPath: "/dev/shm")) ?? [])
    }
}

extension Leftovers {
    /// - Parameters:
    ///   - runDirectory: of a controller that has ended, the only one of this program's children.
    ///   - before: what `sharedMemoryNames` was before it was started.
    package init(runDirectory: String, sharedMemoryBefore before: Set<String>) {
        let paths = FileManager.default.enumerator(atPath: runDirectory)?.compactMap { $0 as? String } ?? []
        self.init(
            processes: ProcessTable.descendants(of: Int(getpid())).count, files: Self.left(of: paths),
            sharedMemory: Self.sharedMemoryNames().subtracting(before).sorted())
    }
}
