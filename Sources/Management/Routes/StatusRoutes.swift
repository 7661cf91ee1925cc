import Hummingbird
import Scheduling

/// What the controller does now: health, workers, runtimes, devices.
struct StatusRoutes {
    let controller: any ControllerManaging
    let slots: WorkerSlotBook

    private struct RuntimeList: Encodable { let runtimes: [RuntimeStatus] }
    private struct DeviceList: Encodable { let devices: [DeviceStatus] }

    func add(to router: Router<BasicRequestContext>) {
        router.add(.get, "/health") { _, _ in
            let status = await controller.status()
            return try .json(HealthAnswer(status), status: status.isHealthy ? .ok : .serviceUnavailable)
        }
        router.add(.get, "/workers") { _, _ in
            let status = await controller.measuredStatus()
            return try .json(WorkerListAnswer(status, slots: slots.slots(in: status)))
        }
        router.add(.get, "/runtimes") { _, _ in
            try await .json(RuntimeList(runtimes: controller.status().runtimes))
        }
        router.add(.get, "/devices") { _, _ in
            try await .json(DeviceList(devices: controller.status().devices))
        }
    }
}
