import BenchmarkSupport
import Foundation

/// What a controller and everything below it hold while all models are at rest.
struct Inventory: Codable {
    /// After how many cycles.
    let cycle: Int
    let proportionalBytes: Int
    let processes: Int
    /// Open ones of the controller.
    let controllerDescriptors: Int
    /// Open ones of all processes.
    let descriptors: Int
    /// Names in `/dev/shm` that were not there before the controller.
    let segments: Int
}

extension Inventory {
    init(of controller: RunningController, cycle: Int, sharedMemoryBefore before: Set<String>) throws {
        let pids = controller.processes
        self.init(
            cycle: cycle, proportionalBytes: try ProcessTable.proportionalBytes(of: pids), processes: pids.count,
            controllerDescriptors: ProcessTable.descriptors(of: controller.pid),
            descriptors: pids.reduce(0) { $0 + ProcessTable.descriptors(of: $1) },
            segments: Leftovers.sharedMemoryNames().subtracting(before).count)
    }
}
