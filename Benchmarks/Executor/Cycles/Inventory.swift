import BenchmarkSupport
import Foundation

/// What a controller and everything below it hold while all models are at rest.
struct Inventory: Codable {
    /// After how many cycles.
    let cycle: Int
    /// Of all processes of a kind (`RunningController.processesByKind`) together.
    let bytesByKind: [String: Int]
    let processes: Int
    /// Open ones of the controller.
    let controllerDescriptors: Int
    /// Open ones of all processes.
    let descriptors: Int
    /// Names in `/dev/shm` that were not there before the controller.
    let segments: Int

    var writtenBytes: Int { bytesByKind.values.reduce(0, +) }
}

extension Inventory {
    init(of controller: RunningController, cycle: Int, sharedMemoryBefore before: Set<String>) throws {
        let kinds = try controller.processesByKind()
        let pids = kinds.values.flatMap(\.self)
        self.init(
            cycle: cycle, bytesByKind: try kinds.mapValues(ProcessTable.writtenBytes), processes: pids.count,
            controllerDescriptors: ProcessTable.descriptors(of: controller.pid),
            descriptors: pids.reduce(0) { $0 + ProcessTable.descriptors(of: $1) },
            segments: Leftovers.sharedMemoryNames().subtracting(before).count)
    }
}
