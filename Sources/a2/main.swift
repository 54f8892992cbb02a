import Server

try Runtime.run(port: 7777)
