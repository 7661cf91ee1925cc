import ControllerConfiguration
import Testing

@Suite("Devices")
struct DeviceTests {
    @Test func auto() throws {
        #expect(try parse("devices: auto").devices == .auto)
    }

    @Test func aListKeepsItsOrder() throws {
        let devices = try parse(
            """
            devices:
              - {id: "cuda:0"}
              - {id: cpu:1, cores: "4, 2-3", memory: 8GiB}
              - {id: "cpu:0", cores: [0, 1]}
              - {id: "cpu:2", cores: 7}
            """
        ).devices
        guard case .list(let list) = devices else {
            Issue.record("not a list")
            return
        }
        #expect(list.map(\.id) == ["cuda:0", "cpu:1", "cpu:0", "cpu:2"])
        #expect(list.map(\.cores) == [nil, [2, 3, 4], [0, 1], [7]])
        #expect(list.map(\.memory) == [nil, 8_589_934_592, nil, nil])
    }

    @Test(arguments: [
        Mistake(
            "devices: cpu:0",
            "1: devices is 'cpu:0'; write auto, or a list as in [{id: \"cpu:0\", cores: \"0-3\", memory: 8GiB}]"),
        Mistake("\ndevices: []", "2: devices is an empty list: no model could be placed; write auto, or name a device"),
        Mistake("devices:\n  - memory: 1GiB", "2: devices[0] has no id; add 'id: \"cpu:0\"' or 'id: \"cuda:0\"'"),
        Mistake(
            "devices:\n  - id: cpu:0\n  - id: gpu:0\n  - id: cpu:00",
            "3: devices[1].id is 'gpu:0'; write cpu:N or cuda:N as in \"cpu:0\"",
            "4: devices[2].id is 'cpu:00'; write cpu:N or cuda:N as in \"cpu:0\""),
        Mistake(
            "devices:\n  - id: cpu:0\n  - id: cuda:0\n  - id: cpu:0",
            "4: the device cpu:0 is given twice, first on line 2; keep one of them"),
        Mistake(
            "devices:\n  - {id: cpu:0, cores: 0-3}\n  - {id: cpu:1, cores: [3, 4]}",
            "3: cpu:1 shares core 3 with cpu:0 on line 2; give every core to one device only"),
        Mistake(
            "devices:\n  - id: cpu:0\n    cores: 3-1",
            "3: devices[0].cores has '3-1' in it, which is no processor number and no range of them; write cores as in "
                + "\"0-1,4\" or [0, 1, 4], from 0 to 8191"),
        Mistake(
            "devices:\n  - id: cpu:0\n    cores: [-1]",
            "3: devices[0].cores has '-1' in it, which is no processor number and no range of them; write cores as in "
                + "\"0-1,4\" or [0, 1, 4], from 0 to 8191"),
        Mistake(
            "devices:\n  - id: cpu:0\n    cores: 0-2,1", "3: devices[0].cores names core 1 twice; name each core once"),
        Mistake(
            "devices:\n  - id: cpu:0\n    cores: []",
            "3: devices[0].cores names no core; leave it out for all cores, or write cores as in \"0-1,4\""),
        Mistake(
            "devices:\n  - id: cpu:0\n    memory: lots\n    core: 1",
            "3: devices[0].memory is 'lots'; write a size above zero as in 256MiB, 1.5GiB, 4GB, 500kB, or a number of bytes",
            "4: unknown key 'core'; did you mean 'cores'?"),
    ])
    func mistakenDevices(mistake: Mistake) {
        #expect(mistakes(mistake.text) == mistake.expected)
    }
}
