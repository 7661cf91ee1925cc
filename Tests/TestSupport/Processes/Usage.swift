import Foundation

/// What a controller holds, its idle processes included.
public struct Usage: Sendable {
    public let descriptors: Int
    let processes: Int
    let zombies: Int
    let temporaryFolders: Int
    let records: Int
    let sockets: Int
    let workerSockets: Int

    /// Of all but the controller there is a record; all but these two, the zygote and it, have a folder.
    func isAtRest(with count: Int, workers: Int) -> Bool {
        (processes, zombies, temporaryFolders, records) == (count, 0, count - 2, count - 1)
            && (sockets, workerSockets) == (0, workers)
    }
}

extension RunningController {
    /// Waits until nothing is there but the controller and what it keeps idle.
    ///
    /// - Parameters:
    ///   - processes: how many there are then, the controller's included.
    ///   - workers: how many of them are workers of the pool.
    @discardableResult
    public func usage(atRestWith processes: Int, workers: Int) async throws -> Usage {
        var last: Usage?
        do {
            return try await eventually("only \(processes) processes are there, and no trace of others") {
                let usage = try usage()
                last = usage
                return usage.isAtRest(with: processes, workers: workers) ? usage : nil
            }
        } catch {
            throw TestFailure("\(error); \(last.map { "\($0)" } ?? "nothing"): \(folder.processes)")
        }
    }

    /// Names of the sockets that workers listen on.
    public func workerSockets() throws -> Set<String> { Set(try entries("w")) }

    private func usage() throws -> Usage {
        let processes = folder.processes
        let ours = Set(processes.map(\.pid))
        return Usage(
            descriptors: try openDescriptors(), processes: processes.count,
            zombies: ProcessTable.all().count { $0.state == "Z" && ours.contains($0.parent) },
            temporaryFolders: try entries("t").count, records: try entries("processes").count,
            sockets: try entries("f").count, workerSockets: try entries("w").count)
    }

    private func entries(_ name: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(folder.runDirectory)/\(name)")
    }
}
